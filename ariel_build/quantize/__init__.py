"""Post-training quantisation: a float model and samples -> an int8 model, as a QDQ ONNX file that other runtimes read.

`model.py` is the whole of the way. `clean` rewrites the graph, `choice` says who computes in int8, `ranges` and
`constants` give scales, `form` is one quantised form of the graph, `judge` measures it and `search` looks for the best
one, with `equalize` and `correct` at hand; `writers` writes it. `batched` runs many samples at once.
"""

from __future__ import annotations

from ariel_build.quantize.model import Outcome, quantize, quantized
from ariel_build.quantize.search import Result, Tell

__all__ = ["Outcome", "Result", "Tell", "quantize", "quantized"]
