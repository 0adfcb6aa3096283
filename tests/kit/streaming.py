"""One model whose activations are streamed, as a metric of single features reads it."""

from itbench.extraction.forward import forward_pass
from itbench.extraction.gram_reducer import PANEL_BYTES
from itbench.models.layers import split_sum
from itbench.util.progress import SilentReporter


class StreamedModel:
    """A model, its stimuli and the layers to stream."""

    reporter = SilentReporter()

    def __init__(self, model, stimuli, layers, settings):
        self.model, self.stimuli, self.layers, self.settings = model, stimuli, layers, settings
        self.layers_by_model = {"model": layers}

    def parts(self, layer):
        return split_sum(layer)

    def stream(self, beside, widest=None):
        singles = list(dict.fromkeys(part for layer in self.layers for part in split_sum(layer)))
        beside += 2 * PANEL_BYTES
        return forward_pass(self.model, self.stimuli, singles, self.settings, self.reporter, beside, widest)
