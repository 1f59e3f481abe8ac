"""No panic can be reached from `infer`: a panic handler that calls an undefined symbol does not keep firmware from linking."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.codegen.support import build, compiled, write_crate

BARE = Path(__file__).with_name("bare.rs")
MODELS = {
    "kws": "dev/mlperf_kws_int8/model.tflite",
    "resnet": "dev/mlperf_ic_int8/model.tflite",
    "resnet_f32": "dev/mlperf_ic_f32/model.tflite",
    "person": "dev/tflm_person_detect_int8/model.tflite",
    "qdq": "dev/own_tcn_qdq/model.onnx",
    "gru": "dev/own_gru12_unrolled_int8/model.tflite",
}
TARGETS = ("thumbv7em-none-eabihf", "thumbv6m-none-eabi", "riscv32imac-unknown-none-elf")


def link(tmp_path: Path, model: Path, target: str, level: str, target_dir: Path) -> str:
    """Links the firmware and returns what the linker complains of."""
    module = compiled(model)
    write_crate(tmp_path, BARE.read_text(), level=level)
    (tmp_path / "src" / "model.rs").write_text(module.module_text)
    (tmp_path / "src" / "model.weights").write_bytes(module.weights)
    (tmp_path / ".cargo").mkdir(exist_ok=True)
    (tmp_path / ".cargo" / "config.toml").write_text(
        f'[target.{target}]\nrustflags = ["-Clink-arg=--entry=_start", "-Clink-arg=--gc-sections"]\n'
    )
    ended = build(tmp_path, "build", "--release", "--quiet", target=target, target_dir=target_dir)
    return "" if ended.returncode == 0 else ended.stderr


@pytest.fixture(scope="session")
def target_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a target folder that all builds of this worker share."""
    return tmp_path_factory.mktemp("target")


@pytest.mark.models
@pytest.mark.parametrize("level", ["3", '"s"', '"z"'])
@pytest.mark.parametrize("target", [pytest.param(t, marks=pytest.mark.target(t)) for t in TARGETS])
@pytest.mark.parametrize("name", MODELS)
def test_no_panic_can_be_reached(
    name: str, target: str, level: str, tmp_path: Path, models: Path, target_dir: Path
) -> None:
    """Firmware with a real model links, at every optimisation level that firmware is shipped with."""
    assert link(tmp_path, models / MODELS[name], target, level, target_dir) == ""


@pytest.mark.models
@pytest.mark.target(TARGETS[0])
def test_the_check_can_fail(tmp_path: Path, models: Path, target_dir: Path) -> None:
    """A firmware that can panic does not link: the check sees what it claims to see."""
    text = BARE.read_text().replace("let mut done =", "let mut done = [1_usize, 2][model.input_mut()[0] as usize & 3] +")
    module = compiled(models / MODELS["kws"])
    write_crate(tmp_path, text)
    (tmp_path / "src" / "model.rs").write_text(module.module_text)
    (tmp_path / "src" / "model.weights").write_bytes(module.weights)
    ended = build(tmp_path, "rustc", "--release", "--quiet", "--", "-Clink-arg=--entry=_start", target=TARGETS[0], target_dir=target_dir)
    assert "a_panic_can_be_reached" in ended.stderr
