"""Builds core and alloc for bare-metal targets from Debian's Rust sources, where rustup cannot download them.

Debian ships a recent compiler together with its library's sources (rustc-web, rust-web-src). Cargo's build-std makes
the libraries; they go into a sysroot of our own under `~/.cache/ariel-ml/rust`, whose `rustc` is a two-line script that
calls Debian's with that sysroot. rustup knows it as the toolchain `embedded`. Root is needed for the packages alone,
nothing that dpkg owns is touched, and deleting the folder undoes it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ariel_build.machine import resources
from tools.setup import debian
from tools.setup.probe import compiles
from tools.setup.process import Refused, run, say

__all__ = ["TOOLCHAIN", "build"]

TOOLCHAIN = "embedded"
_OLDEST = (1, 88)
# Debian names its newest Rust after the browsers that need it; a release may also have a recent enough one of its own.
_FAMILIES = (("rustc-web", "cargo-web", "rust-web-src"), ("rustc", "cargo", "rust-src"))
_RUSTC = Path("/usr/bin/rustc")
_CARGO = Path("/usr/bin/cargo")
_SOURCES = Path("/usr/src")
#: In each sysroot that we made: what the compiler said of its version.
_STAMP = "made-for"
_LIBRARIES = ("core", "alloc", "compiler_builtins")


def build(targets: Sequence[str]) -> None:
    """Builds the libraries for the targets and links the toolchain into rustup."""
    if not debian.has_apt():
        names = " ".join(targets)
        raise Refused("only Debian's Rust sources can stand in for rustup's", commands=[f"rustup target add {names}"])
    library = _install()
    sysroot = _sysroot()
    before = _lay_out(sysroot, library)
    wanted = dict.fromkeys([*targets, *before])
    missing = [target for target in wanted if not compiles(target, rustc=sysroot / "bin" / "rustc")]
    if missing:
        say(f"building core and alloc for {', '.join(missing)} (about 20 s each)")
        _build_std(library, sysroot, missing)
    _link(sysroot)


def _version(rustc: Path) -> str:
    return run(rustc, "-vV", env={"RUSTUP_TOOLCHAIN": None}).stdout


def _field(version: str, name: str) -> str:
    """Returns one line of `rustc -vV`: its `release`, its `host`."""
    return next((line.split(": ", 1)[1] for line in version.splitlines() if line.startswith(f"{name}: ")), "")


def _library() -> Path | None:
    """Returns the library's sources that belong to Debian's installed compiler."""
    release = _field(_version(_RUSTC), "release")
    folder = _SOURCES / f"rustc-{release}" / "library"
    new_enough = tuple(map(int, release.split(".")[:2])) >= _OLDEST if release[:1].isdigit() else False
    return folder if new_enough and folder.joinpath("Cargo.toml").exists() else None


def _install() -> Path:
    """Returns the library's sources, after installing compiler, cargo, linker and sources where they are missing."""
    library = _library()
    if library and _CARGO.exists() and shutil.which("lld"):
        return library
    debian.refresh()
    for family in _FAMILIES:
        version = debian.candidate(family[0])
        if version and version >= _OLDEST:
            debian.install([*family, "lld"], "Debian's Rust with its sources")
            break
    else:
        raise Refused("Debian has no Rust of 1.88 or newer here: bookworm and later have rustc-web after an update")
    library = _library()
    if library is None:
        raise Refused(f"Debian's packages left no library sources for {_RUSTC} in {_SOURCES}")
    return library


def _sysroot() -> Path:
    """Returns the sysroot that rustup knows, where it is one of ours (perhaps of another cache), else our cache's."""
    linked = _linked()
    return linked if linked and linked.joinpath(_STAMP).exists() else resources.cache_dir() / "rust"


def _linked() -> Path | None:
    """Returns the folder that rustup knows by our toolchain's name, which may be gone."""
    listed = [line.split() for line in run("rustup", "toolchain", "list", "-v").stdout.splitlines()]
    return next((Path(words[-1]) for words in listed if words and words[0] == TOOLCHAIN), None)


def _lay_out(sysroot: Path, library: Path) -> list[str]:
    """Makes the sysroot around Debian's compiler; empties one made for another version, and returns what it had."""
    version = _version(_RUSTC)
    stamp = sysroot / _STAMP
    before: list[str] = []
    if sysroot.exists() and (not stamp.exists() or stamp.read_text() != version):
        built = sysroot.glob("lib/rustlib/*/lib")
        before = [libraries.parent.name for libraries in built if not libraries.is_symlink()]
        shutil.rmtree(sysroot)
    for folder in ("bin", "lib/rustlib/src"):
        (sysroot / folder).mkdir(parents=True, exist_ok=True)
    for program in ("rustc", "rustdoc"):
        script = sysroot / "bin" / program
        script.write_text(f'#!/bin/sh\nexec {_RUSTC.with_name(program)} --sysroot "{sysroot}" "$@"\n')
        script.chmod(0o755)
    _symlink(sysroot / "bin" / "cargo", _CARGO)
    # The host's libraries, and bare-metal libraries that someone has put there, are used where they are.
    distribution = Path(run(_RUSTC, "--print", "sysroot", env={"RUSTUP_TOOLCHAIN": None}).stdout.strip())
    for libraries in distribution.glob("lib/rustlib/*/lib"):
        ours = sysroot / "lib" / "rustlib" / libraries.parent.name
        ours.mkdir(exist_ok=True)
        if not (ours / "lib").exists():
            _symlink(ours / "lib", libraries)
    # Bare-metal targets link with rust-lld, which Debian has as lld, and looks for in the host's folder.
    host_bin = sysroot / "lib" / "rustlib" / _field(version, "host") / "bin"
    host_bin.mkdir(parents=True, exist_ok=True)
    _symlink(host_bin / "rust-lld", Path(shutil.which("lld") or "/usr/bin/lld"))
    # Where cargo's build-std looks, as if rustup's component rust-src were there.
    _symlink(sysroot / "lib" / "rustlib" / "src" / "rust", library.parent)
    stamp.write_text(version)
    return before


def _symlink(link: Path, to: Path) -> None:
    if link.is_symlink():
        link.unlink()
    link.symlink_to(to)


def _build_std(library: Path, sysroot: Path, targets: Sequence[str]) -> None:
    """Lets cargo build the libraries for all targets at once and moves them into the sysroot."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        work.joinpath("src").mkdir()
        work.joinpath("src", "lib.rs").write_text("#![no_std]\n")
        work.joinpath("Cargo.toml").write_text(
            '[package]\nname = "probe"\nversion = "0.0.0"\nedition = "2021"\n'
            '[profile.release]\npanic = "abort"\n[workspace]\n'
        )
        work.joinpath("home").mkdir()
        work.joinpath("home", "config.toml").write_text(
            f'[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "{library / "vendor"}"\n'
        )
        result = run(
            _CARGO,
            *("build", "--release", "--offline", "-Zbuild-std=core,alloc"),
            "-Zbuild-std-features=compiler-builtins-mem",
            *(option for target in targets for option in ("--target", target)),
            cwd=work,
            env={
                "CARGO_HOME": str(work / "home"),
                "CARGO_TARGET_DIR": str(work / "target"),
                "RUSTC": str(_RUSTC),
                "RUSTC_BOOTSTRAP": "1",
                # Without bitcode, firmware that asks for LTO cannot link against these libraries.
                "RUSTFLAGS": "-Cembed-bitcode=yes",
                "RUSTC_WRAPPER": None,
                "RUSTUP_TOOLCHAIN": None,
                "CARGO_ENCODED_RUSTFLAGS": None,
            },
        )
        if not result.ok:
            raise Refused(f"building core from {library} failed: {result.reason}")
        for target in targets:
            _install_libraries(work / "target" / target / "release" / "deps", sysroot / "lib" / "rustlib" / target)


def _install_libraries(built: Path, place: Path) -> None:
    """Replaces the target's libraries in one step: a half copied `core` would look like a whole one."""
    fresh = place / "new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name in _LIBRARIES:
        for rlib in built.glob(f"lib{name}-*.rlib"):
            shutil.copy2(rlib, fresh)
    libraries = place / "lib"
    if libraries.is_symlink():
        libraries.unlink()
    shutil.rmtree(libraries, ignore_errors=True)
    fresh.rename(libraries)


def _link(sysroot: Path) -> None:
    """Tells rustup of the toolchain; takes the name over only from the same compiler, or from what is gone."""
    if run("rustup", "--version").code != 0:
        raise Refused(f"rustup is missing: install it from https://rustup.rs (the libraries are ready in {sysroot})")
    linked = _linked()
    if linked == sysroot:
        return
    if linked and linked.exists() and linked.resolve() != _RUSTC.parent.parent:
        raise Refused(
            f"rustup already has a toolchain named `{TOOLCHAIN}`, in {linked}, without these targets",
            commands=[f"rustup toolchain link {TOOLCHAIN} {sysroot}"],
        )
    result = run("rustup", "toolchain", "link", TOOLCHAIN, sysroot)
    if not result.ok:
        raise Refused(f"rustup could not link `{TOOLCHAIN}`: {result.reason}")
