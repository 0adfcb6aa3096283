"""Array: the type of float64 arrays, for annotations everywhere."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
