"""Core and alloc are built from Debian's sources, into a toolchain of our own."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.setup.machine import M0, M7, OK, Machine
from tools.setup import distribution_rust
from tools.setup.process import Refused, Result

RUSTC_196 = "rustc 1.96.0\nrelease: 1.96.0\nhost: x86_64-unknown-linux-gnu\n"


def test_debian_13_and_older_releases_choose_their_rust(machine: Machine) -> None:
    machine.answers |= {
        "apt-get update": OK,
        "apt-cache policy rustc": Result(0, "rustc:\n  Candidate: 1.63.0+dfsg1-2\n"),
        "apt-cache policy rustc-web": Result(0, "rustc-web:\n  Candidate: (none)\n"),
    }
    with pytest.raises(Refused, match=r"no Rust of 1\.88 or newer"):
        distribution_rust._install()


@pytest.fixture
def distribution(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Returns the prefix of an installed Debian Rust with sources, and the means to build core with it."""
    usr = tmp_path / "usr"
    for folder in ("bin", "lib/rustlib/x86_64-unknown-linux-gnu/lib", "src/rustc-1.96.0/library"):
        usr.joinpath(folder).mkdir(parents=True)
    for file in ("bin/rustc", "bin/cargo", "src/rustc-1.96.0/library/Cargo.toml"):
        usr.joinpath(file).touch()
    monkeypatch.setattr(distribution_rust, "_RUSTC", usr / "bin" / "rustc")
    monkeypatch.setattr(distribution_rust, "_CARGO", usr / "bin" / "cargo")
    monkeypatch.setattr(distribution_rust, "_SOURCES", usr / "src")

    def run(*command: str | Path, cwd: Path | None = None, **_: object) -> Result:
        if command[0] == usr / "bin" / "cargo":
            work = cwd
            assert work is not None
            for target in (a for before, a in itertools.pairwise(command) if before == "--target"):
                built = work / "target" / str(target) / "release" / "deps"
                built.mkdir(parents=True)
                for name in distribution_rust._LIBRARIES:
                    built.joinpath(f"lib{name}-0123.rlib").touch()
        return machine.run(*command, cwd=cwd)

    monkeypatch.setattr(distribution_rust, "run", run)
    machine.answers |= {
        f"{usr}/bin/rustc -vV": Result(0, RUSTC_196),
        f"{usr}/bin/rustc --print sysroot": Result(0, f"{usr}\n"),
        f"{usr}/bin/cargo build": OK,
        "rustup --version": OK,
        "rustup toolchain list": Result(0, "stable-x86_64-unknown-linux-gnu (active) /home/u/.rustup/toolchains/s\n"),
        "rustup toolchain link": OK,
    }
    return usr


def test_the_sysroot_is_built_and_linked(machine: Machine, distribution: Path, tmp_path: Path) -> None:
    distribution_rust.build([M7, M0])
    sysroot = tmp_path / "ariel-ml" / "rust"
    for target in (M7, M0):
        assert len(list(sysroot.glob(f"lib/rustlib/{target}/lib/*.rlib"))) == 3
    assert f'exec {distribution}/bin/rustc --sysroot "{sysroot}" "$@"' in sysroot.joinpath("bin/rustc").read_text()
    host = sysroot / "lib" / "rustlib" / "x86_64-unknown-linux-gnu"
    assert host.joinpath("bin", "rust-lld").is_symlink()
    assert host.joinpath("lib").resolve() == distribution / "lib" / "rustlib" / "x86_64-unknown-linux-gnu" / "lib"
    assert machine.did("rustup toolchain link") == [f"rustup toolchain link embedded {sysroot}"]


def test_what_the_sysroot_has_is_not_built_again(machine: Machine, distribution: Path, tmp_path: Path) -> None:
    distribution_rust.build([M7])
    sysroot = tmp_path / "ariel-ml" / "rust"
    machine.can_build.add((str(sysroot / "bin" / "rustc"), M7))
    machine.answers["rustup toolchain list"] = Result(0, f"embedded {sysroot}\n")
    machine.ran.clear()
    distribution_rust.build([M7])
    assert not machine.did(f"{distribution}/bin/cargo")
    assert not machine.did("rustup toolchain link")


def test_a_new_compiler_starts_the_sysroot_afresh_with_all_that_it_had(
    machine: Machine, distribution: Path, tmp_path: Path
) -> None:
    distribution_rust.build([M7])
    machine.answers[f"{distribution}/bin/rustc -vV"] = Result(0, RUSTC_196.replace("host", "commit-hash: x\nhost"))
    distribution_rust.build([M0])
    again = machine.did(f"{distribution}/bin/cargo build")[-1]
    assert f"--target {M0} --target {M7}" in again, "the old libraries are of another compiler"
    for target in (M7, M0):
        assert len(list(tmp_path.glob(f"ariel-ml/rust/lib/rustlib/{target}/lib/*.rlib"))) == 3


def test_a_sysroot_of_another_cache_is_added_to(
    machine: Machine, distribution: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    distribution_rust.build([M7])
    sysroot = tmp_path / "ariel-ml" / "rust"
    machine.answers["rustup toolchain list"] = Result(0, f"embedded {sysroot}\n")
    machine.ran.clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    distribution_rust.build([M0])
    assert len(list(sysroot.glob(f"lib/rustlib/{M0}/lib/*.rlib"))) == 3
    assert not machine.did("rustup toolchain link"), "others use it where it is"


def test_a_toolchain_whose_folder_is_gone_is_linked_anew(machine: Machine, distribution: Path, tmp_path: Path) -> None:
    machine.answers["rustup toolchain list"] = Result(0, f"embedded {tmp_path}/deleted\n")
    distribution_rust.build([M7])
    assert machine.did("rustup toolchain link") == [f"rustup toolchain link embedded {tmp_path}/ariel-ml/rust"]


def test_a_foreign_toolchain_of_that_name_is_not_replaced(machine: Machine, distribution: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    machine.answers["rustup toolchain list"] = Result(0, f"embedded {theirs}\n")
    with pytest.raises(Refused, match=f"already has a toolchain named `embedded`, in {theirs}"):
        distribution_rust.build([M7])
    assert not machine.did("rustup toolchain link")


def test_the_same_compiler_under_that_name_is_taken_over(machine: Machine, distribution: Path) -> None:
    machine.answers["rustup toolchain list"] = Result(0, f"embedded {distribution}\n")
    distribution_rust.build([M7])
    assert machine.did("rustup toolchain link")


def test_a_failed_build_leaves_no_toolchain(machine: Machine, distribution: Path) -> None:
    machine.answers[f"{distribution}/bin/cargo build"] = Result(101, stderr="error: could not compile `core`\n")
    with pytest.raises(Refused, match="could not compile `core`"):
        distribution_rust.build([M7])
    assert not machine.did("rustup toolchain link")
