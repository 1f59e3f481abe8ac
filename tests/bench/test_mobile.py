"""The networks of msf-CNN have the layers, the shapes and the products that its tables are of."""

from pathlib import Path

from ariel_build.driver import import_file
from tools.bench import made


def test_shapes(tmp_path: Path) -> None:
    shapes = {}
    for name, recorded in made.networks(tmp_path):
        graph, _ = import_file(recorded.path)
        convolutions = [node for node in graph.nodes if "Conv" in type(node.op).__name__]
        shapes[name] = (graph.inputs[0].shape, len(convolutions), convolutions[-1].outputs[0].shape)
    assert shapes == {
        "made MobileNetV2 0.35, 144x144": ((1, 144, 144, 3), 52, (1, 5, 5, 448)),
        "made MCUNetV2 vww, 80x80": ((1, 80, 80, 3), 45, (1, 3, 3, 160)),
    }
