"""The models of the table: those that this repository makes, and public ones from ../shared/models if that is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tools.bench import made
from tools.recorded.models import Recorded, dev_models, successors_models

__all__ = ["BOARDS", "GATED", "M0", "M4", "M7", "M55", "RISCV", "RP2040", "RTL", "STREAMED", "Model", "catalogue"]

M7, M4, M0, RISCV = "qemu-cortex-m7", "qemu-cortex-m4", "qemu-cortex-m0", "qemu-riscv32"
M55 = "qemu-cortex-m55"
RP2040, RTL = "rp2040-sim", "rtl-riscv32"
_INT8 = (M7, M4, RISCV)
#: With vectors as well: what is recorded of TFLite-Micro there.
_HELIUM = (*_INT8, M55)
_INT16 = (M7, M55, RISCV)
_FLOAT = (M7, M4)
BOARDS = (M7, M4, M0, M55, RISCV, RP2040, RTL)


@dataclass(frozen=True)
class Model:
    """A model, its samples with the answers that an oracle gave, and the boards that it is measured on.

    `onnx` is the same network for peers that read only ONNX; where it is None, the bench converts the TFLite file.
    `as_float` measures the float32 twin of an int8 TFLite file. The input of one that is `streamed` comes row by row.
    With a budget of `ram` bytes it may compute rows anew.
    """

    name: str
    kind: str
    recorded: Recorded
    boards: tuple[str, ...]
    onnx: Recorded | None = None
    as_float: bool = False
    streamed: bool = False
    ram: int | None = None

    @property
    def is_tflite(self) -> bool:
        """Whether the file is TFLite."""
        return self.recorded.path.suffix == ".tflite"

    @property
    def element(self) -> str:
        """Returns what the network computes in."""
        if self.streamed:
            return "int8"
        return "float32" if self.boards == _FLOAT else "int16" if self.boards == _INT16 else "int8"


#: name in the table: name in ../shared/models, kind, boards, and of the peers' ONNX file where there is one.
_SHARED: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "kws (DS-CNN)": ("mlperf_kws_int8", "convolutional", (*_HELIUM, RP2040, RTL), ""),
    "ResNet-8": ("mlperf_ic_int8", "convolutional", _HELIUM, ""),
    "vww (MobileNet v1)": ("mlperf_vww_int8", "convolutional", _HELIUM, ""),
    "ad (autoencoder)": ("mlperf_ad_int8", "fully connected", (*_HELIUM, RTL), ""),
    "person_detect": ("tflm_person_detect_int8", "convolutional", _HELIUM, ""),
    "micro_speech": ("tflm_micro_speech_int8", "convolutional", (*_HELIUM, M0), ""),
    "hello_world": ("tflm_hello_int8", "fully connected", (*_HELIUM, M0, RP2040, RTL), ""),
    "sww (streaming wake word)": ("mlperf_sww_int8", "convolutional", _INT8, ""),
    "MCUNet vww, 10 fps": ("mcunet_vww_10fps", "convolutional", _INT8, ""),
    "LeNet-5": ("riot_lenet5_int8", "convolutional", _INT8, ""),
    "CIFAR-10 CNN": ("tinymaix_cifar10_q", "convolutional", _INT8, ""),
    "mnist (depthwise)": ("tinymaix_mnist_dw_q", "convolutional", (*_INT8, M0), ""),
    "transformer": ("own_tf_post_d16_int8", "transformer", _INT8, "own_tf_post_d16_qdq"),
    "GRU": ("own_gru12_unrolled_int8", "recurrent", _INT8, ""),
    "LSTM": ("tflm_mnist_lstm_int8", "recurrent", _INT8, ""),
    "SVDF (7, and 5 dense layers)": ("tflm_kw_scrambled_int8", "recurrent", _INT8, ""),
    "audio front end (9 signal operators)": ("tflm_audio_preproc_int8", "signal", _INT8, ""),
}
#: The same with activations of int16 and weights of int8: the layers of a network that takes the noise out of speech,
#: each a model of its own, as they are recorded.
_SHARED_INT16: dict[str, tuple[str, str]] = {
    "seanet conv0 (7x7, 2 to 8)": ("seanet_conv0", "convolutional"),
    "seanet conv5 (3x3, 32 to 32)": ("seanet_conv5", "convolutional"),
    "seanet conv10 (3x4, 64 to 64)": ("seanet_conv10", "convolutional"),
    "seanet conv20 (1x1, 16 to 8)": ("seanet_conv20", "convolutional"),
    "seanet transpose_conv0 (3x4)": ("seanet_transpose_conv0", "convolutional"),
    "seanet transpose_conv1 (3x4)": ("seanet_transpose_conv1", "convolutional"),
    "seanet transpose_conv2 (3x4)": ("seanet_transpose_conv2", "convolutional"),
    "seanet add10 (5,248 elements)": ("seanet_add10", "elementwise"),
    "seanet leaky_relu5 (1,280 elements)": ("seanet_leaky_relu5", "elementwise"),
    "seanet sub0 (1,536 elements)": ("seanet_sub0", "elementwise"),
}
#: Networks in float32: those above as their twin, or ONNX files.
_SHARED_FLOAT: dict[str, tuple[str, str]] = {
    "kws (DS-CNN), float32": ("mlperf_kws_int8", "convolutional"),
    "ResNet-8, float32": ("mlperf_ic_f32_onnx", "convolutional"),
    "vww (MobileNet v1), float32": ("mlperf_vww_int8", "convolutional"),
    "ad (autoencoder), float32": ("mlperf_ad_int8", "fully connected"),
    "transformer, float32": ("own_tf_post_d16_onnx", "transformer"),
}
#: Those above whose input comes row by row, too: they end with this.
STREAMED = ", streamed"
#: The networks that we make, in fewer bytes than their rows take.
_ANEW = {"made MobileNetV2 0.35, 144x144": 15_000, "made MCUNetV2 vww, 80x80": 13_000}
_SHARED_STREAMED = ("ResNet-8", "vww (MobileNet v1)", "person_detect")
#: What `nox -s tests` holds against the baseline: few, small, and every kind of kernel among them.
GATED = {
    ("digits", M7),
    ("digits", RISCV),
    ("digits", M0),
    ("made DS-CNN", M7),
    ("made DS-CNN", M4),
    ("made DS-CNN", RISCV),
    ("made MLP, float32", M7),
    ("made CNN, float32", M7),
    ("made transformer, float32", M7),
    ("kws (DS-CNN)", M7),
    ("vww (MobileNet v1)" + STREAMED, M7),
    ("ad (autoencoder)", RISCV),
    ("hello_world", M0),
}


def catalogue(folder: Path) -> Iterator[Model]:
    """Yields the models that are here; those that we make are written into `folder`."""
    for name, kind, recorded in made.models(folder):
        boards = _FLOAT if "float32" in name else (*_INT8, M0) if name == "digits" else _INT8
        yield Model(name, kind, recorded, boards, None if recorded.path.suffix == ".tflite" else recorded)
    for name, recorded in made.networks(folder):
        yield Model(name, "convolutional", recorded, (M7,), recorded)
        for ram in (None, _ANEW[name]):
            budget = f" in {ram:,} bytes" if ram else ""
            yield Model(name + STREAMED + budget, "convolutional", recorded, (M7,), streamed=True, ram=ram)
    shared = {**dev_models(), **successors_models()}
    for name, (key, kind, where, onnx) in _SHARED.items():
        if key in shared:
            yield Model(name, kind, shared[key], where, shared.get(onnx))
    for name in _SHARED_STREAMED:
        key, kind, *_ = _SHARED[name]
        if key in shared:
            yield Model(name + STREAMED, kind, shared[key], (M7, RISCV), streamed=True)
    for name, (key, kind) in _SHARED_INT16.items():
        if key in shared:
            yield Model(name, kind, shared[key], _INT16)
    for name, (key, kind) in _SHARED_FLOAT.items():
        if key in shared:
            recorded = shared[key]
            is_twin = recorded.path.suffix == ".tflite"
            if is_twin:
                recorded = made.twin(replace(recorded, name=f"{key}_float"), folder)
            yield Model(name, kind, recorded, _FLOAT, recorded, as_float=is_twin)
