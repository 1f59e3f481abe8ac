"""The jobs of this repository: `nox -s <session>`; only these install things.

`python3 tools/venv.py` makes a `.venv` with nox in it. Environments are kept from one run to the next, and packages are
installed again only when pyproject.toml changes.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # nox loads this file without its folder

from tools import setup  # noqa: E402
from tools.setup import Needs, c_compilers, debian, process, rust  # noqa: E402

nox.options.sessions = ["tests"]
nox.options.reuse_venv = "yes"

DEMO = "examples/digits-mps2-an500"
CORES = "ariel-ml-rs/multicore,ariel-ml-rs/std"  # several cores, which a user asks for
EXECUTORS = ",".join([CORES, *(f"ariel-ml-rs/{name}" for name in ("embassy", "rtic", "ariel-os", "defmt"))])


RISCV = "riscv32imac-unknown-none-elf"
#: What the tests need, as their marks say, and what the last run skipped.
NEEDS, SKIPPED = (ROOT / "target" / f"tests-{kind}" for kind in ("needs.json", "skipped.txt"))


def ensure(needs: Needs) -> None:
    """Sets the machine up; ends nox with code 2, and the commands to run, where the user has to act."""
    with refusals():
        setup.ensure(needs)


@contextmanager
def refusals() -> Iterator[None]:
    """Ends nox with code 2, and the commands to run, where set-up cannot go on by itself."""
    try:
        yield
    except setup.Refused as refusal:
        print(refusal.render(), file=sys.stderr, flush=True)
        raise SystemExit(2) from None


def install(session: nox.Session, *extras: str) -> None:
    """Installs this package, editable, with its extras, unless that is done and pyproject.toml is unchanged."""
    digest = hashlib.sha256(ROOT.joinpath("pyproject.toml").read_bytes()).hexdigest()
    stamp = Path(session.virtualenv.location, "ariel-requirements")
    if stamp.exists() and stamp.read_text() == digest:
        return
    session.log(f"installing ariel-build and what `{session.name}` needs; the first time takes a minute")
    session.install("--quiet", "--editable", f".[{','.join(extras)}]" if extras else ".")
    stamp.write_text(digest)


@nox.session(name="setup", venv_backend="none")
def set_up(session: nox.Session) -> None:
    """Install the Rust targets and emulators that are missing; `-- rtl`, `-- rp2040` and `-- browser` add more."""
    wanted = set(session.posargs)
    unknown = wanted - {"rtl", "rp2040", "browser"}
    if unknown:
        names = " or ".join(sorted(unknown))
        session.error(f"nothing is known by the name {names}: rtl, rp2040 and browser are optional")
    session.log("looking for the linker, the Rust targets and the emulators")
    ensure(Needs.of_boards(verilated="rtl" in wanted, pico="rp2040" in wanted, browser="browser" in wanted))
    session.log("all there")


@nox.session
def demo(session: nox.Session) -> None:
    """Compile a model, build Embassy firmware with it, and let an emulated Cortex-M7 read digits."""
    ensure(Needs(("thumbv7em-none-eabihf",), ("qemu-system-arm",)))
    install(session)
    session.run("python", f"{DEMO}/demo.py")


@nox.session
def kernels(session: nox.Session) -> None:
    """Make the compiler's classes of kernels anew, of what the runtime crate declares."""
    install(session, "lint")
    session.run("python", "-m", "tools.kernels")


@nox.session
def tests(session: nox.Session) -> None:
    """Run all the tests that CI runs: Python's, Rust's, and the lints; ends with what was skipped, and why."""
    ensure(Needs())
    install(session, "test")
    chosen = ("-m", "not rtl and not browser and not at_length", "--ignore=tests/fuzz", *session.posargs)
    ensure_marked(session, *chosen)
    session.log("the crates' tests")
    session.run("cargo", "test", "--workspace", "--quiet", "--features", CORES, external=True)
    session.log("the compiler's tests, firmware on emulators included")
    # Neighbours stay together, so that a fixture is made once and few builds wait for a folder of another worker's.
    workers = ("-n", "auto", "--dist", "worksteal")
    session.run("pytest", "-q", *workers, f"--skipped={SKIPPED}", *chosen, env={"ARIEL_SET_UP": "1"})
    session.notify("lint", posargs=())
    session.notify("skipped", posargs=())


def ensure_marked(session: nox.Session, *chosen: str) -> None:
    """Sets the machine up for what the chosen tests are marked with."""
    session.log("asking the tests what they need")
    NEEDS.parent.mkdir(exist_ok=True)
    session.run("pytest", "-qq", "--collect-only", f"--needs={NEEDS}", *chosen, silent=True)
    ensure(Needs.read(NEEDS))


@nox.session
def package(session: nox.Session) -> None:
    """Build wheel, sdist and crates, install them in fresh environments, and use them from another folder."""
    install(session, "test")
    ensure_marked(session, "tests/package")
    session.run("pytest", "-q", "tests/package", *session.posargs, env={"ARIEL_SET_UP": "1"})


@nox.session(venv_backend="none")
def skipped(session: nox.Session) -> None:
    """Name the tests that the last `nox -s tests` skipped, and why; it ends with this."""
    if not SKIPPED.exists():
        session.error("`nox -s tests` has not run here")
    print(SKIPPED.read_text(), end="", flush=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what an inference costs, ours and the peers', and write docs/benchmarks.md; `-- --help` lists options."""
    ensure(Needs.of_boards())
    with refusals():
        c_compilers.ensure()
    install(session, "test", "bench")
    session.run("python", "-m", "tools.bench", *session.posargs)


@nox.session
def scaling(session: nox.Session) -> None:
    """Measure how inferences scale with cores and write docs/scaling.md; an hour, most of it for verilated cores."""
    ensure(Needs.of_boards(verilated=True))
    install(session, "test", "bench")
    session.run("python", "-m", "tools.scaling", *session.posargs)


@nox.session
def predictions(session: nox.Session) -> None:
    """Hold predicted RAM, flash, stack and instructions against measured ones of all recorded models: an hour."""
    ensure(Needs.of_boards())
    install(session, "test")
    session.run("python", "-m", "tools.predictions", *(session.posargs or ("--measure",)))


@nox.session
def conformance(session: nox.Session) -> None:
    """Run the suites of single operators on the host, and write docs/conformance.md; a wrong or a lost answer fails."""
    ensure(Needs())
    install(session, "test")
    session.run("python", "-m", "tools.conformance", *session.posargs)


@nox.session
def quantise(session: nox.Session) -> None:
    """Compare our int8 with float32 and onnxruntime's; `-- --refresh` writes the table into docs/quantisation.md."""
    install(session, "test")
    session.install("--quiet", "scikit-learn")
    session.run("python", "-m", "tools.quantise", *session.posargs)


@nox.session
def pytorch(session: nox.Session) -> None:
    """Install the current PyTorch (some gigabytes), export modules of all kinds, compare; do docs/pytorch.md."""
    ensure(Needs.of_boards())
    install(session)
    session.install("--quiet", "torch", "torchao", "executorch", "scikit-learn")
    session.run("python", "-m", "tools.pytorch")
    session.run("python", "-m", "tools.pages", "docs/pytorch.md")


@nox.session
def keras(session: nox.Session) -> None:
    """Install the current TensorFlow (2 GB), and do what docs/keras.md says, block by block."""
    ensure(Needs.of_boards())
    install(session)
    session.install("--quiet", "tensorflow", "scikit-learn")
    session.run("python", "-m", "tools.pages", "docs/keras.md", env={"TF_CPP_MIN_LOG_LEVEL": "3"})


@nox.session
def rtl(session: nox.Session) -> None:
    """Run firmware on verilated RISC-V cores, clock cycle by clock cycle: some minutes, most of them for Verilator."""
    ensure(Needs())
    install(session, "test")
    chosen = ("-m", "rtl", "tests/run/test_rtl.py", "tests/run/test_fetch.py", *session.posargs)
    ensure_marked(session, *chosen)
    session.run("pytest", "-q", *chosen, env={"ARIEL_SET_UP": "1"})


@nox.session
def xtensa(session: nox.Session) -> None:
    """Run every portable kernel on QEMU's Xtensa, by way of assembly, and compare with this computer: ten minutes."""
    with refusals():
        debian.ensure_program("xtensa-lx106-elf-as", "binutils-xtensa-lx106")
    ensure(Needs(emulators=("qemu-system-xtensa",), sources=True))
    install(session, "test")
    session.run("python", "-m", "tools.xtensa", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Look at reports in a browser without windows, in two sizes, light and dark; installs Debian's Chromium."""
    install(session, "test")
    chosen = ("-m", "browser", "tests/report", *session.posargs)
    ensure_marked(session, *chosen)
    session.run("pytest", "-q", *chosen, env={"ARIEL_SET_UP": "1"})


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, lints and types: ruff, mypy strict, rustfmt, clippy pedantic."""
    ensure(Needs())
    rust.ensure_components(["clippy", "rustfmt"])
    install(session, "lint")
    session.run("ruff", "format", "--check", "--quiet", ".")
    session.run("ruff", "check", "--quiet", ".")
    session.run("mypy")
    session.run("cargo", "fmt", "--all", "--check", external=True)
    for features in ("", CORES, EXECUTORS, "ariel-ml-rs/log"):
        options = ("--workspace", "--all-targets", "--quiet", "--features", features)
        session.run("cargo", "clippy", *options, "--", "-D", "warnings", external=True)
    # What a model may leave out: none of it, and each by itself.
    runtime = tomllib.loads((ROOT / "ariel-ml-rs" / "Cargo.toml").read_text())
    for feature in ("", *runtime["features"]["default"]):
        lean = ("--package", "ariel-ml-rs", "--quiet", "--no-default-features", "--features", feature)
        session.run("cargo", "clippy", *lean, "--", "-D", "warnings", external=True)
    # The crates that `run` builds, outside the workspace, as far as the host uses them: clippy may lack other targets.
    for crate, variants in (("counter", [""]), ("firmware", ["baseline", "baseline,threads"])):
        manifest = f"--manifest-path=harness/{crate}/Cargo.toml"
        session.run("cargo", "fmt", manifest, "--check", external=True)
        for features in variants:
            options = ("--locked", "--quiet", "--features", features, "--target-dir=target/harness")
            env = {"ARIEL_CORES": "2" if "threads" in features else "1"}
            session.run("cargo", "clippy", manifest, *options, "--", "-D", "warnings", env=env, external=True)


@nox.session(venv_backend="none")
def loom(session: nox.Session) -> None:
    """Prove the pool of cores: every interleaving of small cases, and planted bugs that must be found. Some minutes."""
    ensure(Needs())
    # Other flags rebuild everything: a folder of its own.
    env = {"RUSTFLAGS": "--cfg loom", "CARGO_TARGET_DIR": str(ROOT / "target" / "loom")}
    crate = ("--package", "ariel-ml-rs", "--features", "multicore", "--lib")
    session.run("cargo", "test", "--release", *crate, *session.posargs, "loom", env=env)


@nox.session(venv_backend="none")
def miri(session: nox.Session) -> None:
    """Look for undefined behaviour in the pool under random schedules and weak memory, where miri is installed."""
    ensure(Needs())
    if not process.run("cargo", "+nightly", "miri", "--version").ok:
        session.skip("miri is missing: `rustup component add --toolchain nightly miri rust-src` installs it")
    # What lives for ever is leaked on purpose.
    env = {"MIRIFLAGS": "-Zmiri-ignore-leaks -Zmiri-many-seeds=0..4"}
    crate = ("--package", "ariel-ml-rs", "--features", "multicore,std", "--test", "pool")
    session.run("cargo", "+nightly", "miri", "test", *crate, *session.posargs, env=env)


@nox.session
def soak(session: nox.Session) -> None:
    """Run 100,000 inferences on each emulated board with several cores, every answer checked: some ten minutes."""
    ensure(Needs((RISCV, "thumbv8m.main-none-eabi"), ("qemu-system-arm", "qemu-system-riscv32")))
    install(session)
    session.run("python", "-m", "tools.soak", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Do at length what tests sample: thousands of damaged models, every tile of every model alone, all marked so."""
    install(session, "test")
    long, marked = ("tests/fuzz", "tests/schedule/access/test_access.py"), ("-m", "at_length", "tests")
    for chosen in (long, marked):
        ensure_marked(session, *chosen, *session.posargs)
        env = {"ARIEL_SET_UP": "1", "ARIEL_ALL_TILES": "1"}
        # What was asked for may be in one of the two only.
        codes = [0, 5] if session.posargs else [0]
        session.run("pytest", "-q", *chosen, *session.posargs, env=env, success_codes=codes)


@nox.session(venv_backend="none")
def fresh(session: nox.Session) -> None:
    """Do what README.md says on a machine of nothing but Debian, Python and rustup, and on one where apt refuses QEMU.

    Needs root, and an hour; `-- --help` lists what to leave out.
    """
    with refusals():
        debian.ensure_program("debootstrap")
    session.run(sys.executable, "-m", "tools.fresh", *session.posargs, external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the book and the crates' documentation: a warning, a lost link, a page without a chapter is an error."""
    ensure(Needs())
    # As docs.rs does: ariel-ml-rs/Cargo.toml says so.
    options = ("--workspace", "--no-deps", "--all-features")
    session.run("cargo", "doc", *options, env={"RUSTDOCFLAGS": "-D warnings"}, external=True)
    install(session, "docs")
    session.run("python", "-m", "tools.book")
    session.run("mkdocs", "build", "--quiet", "--strict")
    session.log("open target/book/site/index.html; `python3 -m http.server -d target/book/site` lets it search, too")
