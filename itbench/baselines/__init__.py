"""What every model is to be seen beside: from the picture itself to the best that noisy recordings allow."""

from itbench.baselines.baseline import Baseline
from itbench.baselines.plan import plan_baselines

__all__ = ["Baseline", "plan_baselines"]
