"""All forms of a metric, by the name that a metric's class attribute ``form`` says."""

from __future__ import annotations

from itbench.metrics.comparison import ComparisonForm
from itbench.metrics.form import Form
from itbench.metrics.readout_forms import DirectForm, JointReadoutForm, ReadoutForm
from itbench.metrics.single_feature import SingleFeatureForm

FORMS: dict[str, Form] = {
    form.name: form for form in (ReadoutForm(), JointReadoutForm(), ComparisonForm(), SingleFeatureForm(), DirectForm())
}
