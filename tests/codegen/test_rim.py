"""What safe code must not be able to say: rustc refuses it. What it may, on every core: rustc accepts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.recorded.crate import build, write_crate

WFI = "use ariel_ml_rs::sync::park::ArmWfi;\n"
#: Source, whether the runtime has its pool, target, and what rustc says; nothing where it accepts the source.
CASES = {
    "a field that makes an address": (
        f"{WFI}pub static PARK: ArmWfi = ArmWfi {{ core: || 0, raise: |_| (), clear: || (), interrupt: 24_671 }};",
        True,
        "thumbv8m.main-none-eabi",
        "are private",
    ),
    "a number that no interrupt has": (
        f"{WFI}pub static PARK: ArmWfi = ArmWfi::new(|| 0, |_| (), || (), 496);",
        True,
        "thumbv8m.main-none-eabi",
        "an NVIC has 496 interrupts at most",
    ),
    "an interrupt": (
        f"{WFI}pub static PARK: ArmWfi = ArmWfi::new(|| 0, |_| (), || (), 495);",
        True,
        "thumbv8m.main-none-eabi",
        "",
    ),
    "wiring without compare-and-swap": ("pub use ariel_ml_rs::wired::Slot;", False, "thumbv6m-none-eabi", ""),
    "wiring with critical sections": ("pub use ariel_ml_rs::wired::Slot;", True, "thumbv6m-none-eabi", ""),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.target(case[2])) for n, case in CASES.items()])
def test_rustc_knows_the_rim(name: str, tmp_path: Path) -> None:
    source, has_pool, target, says = CASES[name]
    write_crate(tmp_path, f"#![no_std]\n#![forbid(unsafe_code)]\n{source}\n", [])
    manifest = tmp_path / "Cargo.toml"
    if has_pool:
        manifest.write_text(manifest.read_text().replace('ariel-ml-rs" }', 'ariel-ml-rs", features = ["multicore"] }'))
    ended = build(tmp_path, "check", "--quiet", target=target, shared="rim")
    assert (ended.returncode != 0) == bool(says), ended.stderr
    assert says in ended.stderr
