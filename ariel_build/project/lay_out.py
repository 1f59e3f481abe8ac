"""A new project, as the files that it consists of: from templates, for one model on one board under one executor."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit

from ariel_build.boards import Board
from ariel_build.codegen.io import field_names
from ariel_build.config.module_name import KEYWORDS, module_name
from ariel_build.errors import InternalError, MetadataError
from ariel_build.ir import Value
from ariel_build.project import crates
from ariel_build.project.manifest import inline
from ariel_build.project.templates import Start, render, text
from ariel_build.records import dataclass

__all__ = ["Project", "check_name", "files", "module_for", "printable"]

#: Features of `ariel-ml-rs` that an executor needs.
_FEATURES = {"ariel-os": ["ariel-os"]}
#: Backends of RTIC 2, by the architecture in the target triple.
_BACKENDS = {
    "thumbv6m": "thumbv6-backend",
    "thumbv7": "thumbv7-backend",
    "thumbv8m.base": "thumbv8base-backend",
    "thumbv8m.main": "thumbv8main-backend",
}
#: Elements of an output that are printed as the numbers that they stand for.
_SHOWN = 32
#: Names that cargo does not take for a package, beside Rust's keywords.
_TAKEN = {"test", "core", "std", "alloc", "proc-macro", "proc_macro", "build", "deps", "examples", "incremental"}


#: What the templates themselves call something, and the crates that every program has.
_NAMES = {"alloc", "app", "ariel_ml_rs", "core", "rtic", "std"}


@dataclass(frozen=True)
class Project:
    """What is asked for.

    `metadata` is the model's table in Cargo.toml, with paths inside of the project; `files` are those that it names,
    `features` those of the runtime crate that it needs.
    """

    name: str
    folder: Path
    board: Board
    executor: str
    start: Start
    module: str
    metadata: Mapping[str, Any]
    files: Mapping[str, bytes]
    inputs: Sequence[Value]
    outputs: Sequence[Value]
    stack_bytes: int
    features: Sequence[str]


def check_name(name: str) -> None:
    """Refuses what cargo takes for no package's name."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
        raise MetadataError(
            f"`{name}` is no name for a package", "NAME", "letters, digits, `-` and `_`, a letter first"
        )
    if name in KEYWORDS or name in _TAKEN:
        raise MetadataError(f"a package cannot be named `{name}`", "NAME", f"`{name}-firmware`, say")


def module_for(stem: str, start: Start) -> str:
    """Returns the name of the model's module: the file's, or one beside it where the firmware has that name already."""
    name = module_name(stem or "model")
    texts = [start.text(key) for key in ("begin", "rest", "end", "entry", "items", "device", "hal")]
    texts += [item for key in ("uses", "app", "modules") for item in start.list(key)]
    crates_of = re.findall(r"^([\w-]+) = ", start.text("dependencies"), re.MULTILINE)
    taken = {*re.findall(r"\w+", " ".join(texts)), *(crate.replace("-", "_") for crate in crates_of), *_NAMES}
    return f"{name}_model" if name in taken else name


def files(project: Project) -> dict[str, bytes]:
    """Returns the bytes of each file by its path in the project."""
    start, board = project.start, project.board
    slots = _slots(project)
    main = "ariel-os" if project.executor == "ariel-os" else start.text("main") or project.executor
    texts = {
        "Cargo.toml": _manifest(project, slots),
        "build.rs": "//! Compiles the model of `[package.metadata.ariel]` into `OUT_DIR`.\n\n"
        "fn main() {\n    ariel_ml_build::compile();\n}\n",
        "src/main.rs": render(text(f"main/{main}.rs"), slots),
        "README.md": render(text("README.md"), slots),
        ".gitignore": "/target\n" + ("/build\n" if main == "ariel-os" else ""),
    }
    if main == "ariel-os":
        texts[".cargo/config.toml"] = render(text("ariel-os/config.toml"), slots)
        texts["laze-project.yml"] = render(text("ariel-os/laze-project.yml"), slots)
    elif not board.is_host:
        texts[".cargo/config.toml"] = _cargo_config(project, slots)
    if start.text("toolchain"):
        texts["rust-toolchain.toml"] = start.text("toolchain") + "\n"
    if start.text("memory"):
        texts["memory.x"] = render(text(f"memory/{start.text('memory')}.x"), slots)
    texts |= {path: render(text(template), slots) for path, template in start.files.items()}
    return {path: content.encode() for path, content in texts.items()} | dict(project.files)


def _slots(project: Project) -> dict[str, str]:
    """Returns the texts of all slots that templates have."""
    start, board, module = project.start, project.board, project.module
    known = board.project
    uses = [f"use {path};" for path in start.list("uses")]
    prefix = "super::" if project.executor == "rtic" else ""
    slots = {
        "name": project.name,
        # It is shown in comments, and no template.
        "board": printable(board.description or board.name),
        "board-name": board.name,
        "module": module,
        "path": printable(str(project.metadata["path"])),
        "target": board.target,
        "hal": start.text("hal"),
        "chip": known.chip if known else "",
        "probe": known.probe if known else "",
        "laze": known.laze if known else "",
        "emulator": _emulator(board),
        "backend": next((name for prefix, name in _BACKENDS.items() if board.target.startswith(prefix)), ""),
        "priority_bits": "2" if board.target.startswith("thumbv6m") else "3",
        "dispatcher": start.text("dispatcher") or (known.dispatcher if known else ""),
        "device": start.text("device"),
        "entry": start.text("entry"),
        "print": start.text("print"),
        "modules": "\n".join(f"mod {name};" for name in start.list("modules")),
        "uses": "\n".join(uses),
        "items": start.text("items"),
        "begin": start.text("begin"),
        "rest": start.text("rest"),
        "end": start.text("end"),
        "app": "\n".join(
            f"use {path};" for path in sorted(["ariel_ml_rs::Wired", f"crate::{module}", *start.list("app")])
        ),
        "fill": _fill(project.inputs, prefix),
        "samples": text("samples.rs").strip("\n"),
        "answer": _answer(project),
        "stack": str(_rounded(project.stack_bytes + 4096)),
        "how": start.text("runs"),
    }
    for kind, letter in (("flash", "flash"), ("ram", "ram")):
        banks = board.banks("flash" if kind == "flash" else "ram")
        slots[f"{letter}_origin"] = f"{banks[0].origin:#010x}" if banks else ""
        slots[f"{letter}_length"] = _length(banks[0].length) if banks else ""
    slots["how"] = render(slots["how"], slots).strip()
    target = [f"Rust for the chip: `rustup target add {board.target}`"]
    own = [] if board.is_host or project.executor == "ariel-os" or start.text("toolchain") else target
    needs = [render(need, slots).strip() for need in [*own, *start.list("needs")]]
    slots["needs"] = "\n".join(["It needs", "", *(f"- {need}" for need in needs)]) if needs else ""
    slots["notes"] = _notes(project)
    return slots


def _notes(project: Project) -> str:
    """Returns what the user should know of this combination."""
    notes = []
    if len(project.board.cores) > 1 and project.executor != "ariel-os":
        notes.append(
            f"- It runs on the first of {len(project.board.cores)} cores (`cores = 1`). The examples of Ariel-ML show "
            "how the others help."
        )
    if project.executor == "ariel-os" or project.start.text("toolchain"):
        notes.append("- Firmware of this kind has not been built in Ariel-ML's tests: its toolchain is not there.")
    return "\n".join(notes)


def _fill(inputs: Sequence[Value], prefix: str) -> str:
    """Returns the statements that fill the model's inputs in place."""
    if not inputs:
        raise InternalError("a model without an input")
    what = "where the model reads it" if len(inputs) == 1 else "where the model reads them"
    lines = [
        f"// {'The input is' if len(inputs) == 1 else 'Inputs are'} filled {what}; `infer` would copy one instead."
    ]
    lines.append("let input = model.input_mut();")
    names = field_names("input", inputs) if len(inputs) > 1 else [""]
    for name in names:
        place = f"input.{name}" if name else "input"
        lines.append(f'{place}.fill_from({prefix}samples({place}.len())).expect("as many as it has");')
    return "\n".join(lines)


def _answer(project: Project) -> str:
    """Returns the statements that print what `output` means: its class by name, or the numbers that it stands for."""
    output = project.outputs[0]
    print_, says, count = project.start.text("print"), f"{project.module} answers", output.type.elements
    if len(project.outputs) > 1 or not (output.type.quant or output.type.dtype.is_real) or count > _SHOWN:
        return f'// Or `to_f32()`, `argmax()`, `top()` of an output.\n{print_}!("{says} {{:?}}", output);'
    if "labels" in project.metadata:
        lines = ["// Or `output.to_f32()`: what all classes get.", "let (class, score) = output.top();"]
        return "\n".join([*lines, f'{print_}!("{says} {{}}, with {{}}", class.label(), score);'])
    if count == 1:
        return f'// Or `output[0]`: as it is stored.\n{print_}!("{says} {{:?}}", output.to_f32());'
    words = f'{print_}!("{says} {{:?}}: element {{}} is the greatest", output.to_f32(), output.argmax());'
    return f"// Or `output.top()`: the greatest and where it is. `labels` in Cargo.toml give names.\n{words}"


def _manifest(project: Project, slots: Mapping[str, str]) -> str:
    """Returns Cargo.toml."""
    start = project.start
    features = [*_FEATURES.get(project.executor, []), *project.features]
    lines = [
        "[package]",
        f'name = "{project.name}"',
        'version = "0.1.0"',
        'edition = "2024"',
        f'rust-version = "{start.text("rust-version") or "1.88"}"',
        "publish = false",
        "",
        *_metadata(project),
        "",
        "[dependencies]",
        "# The crates are not on crates.io yet: these came with the compiler, and are of its version.",
        "# Only kernels that the model has are compiled: a build that lacks one says which feature to add.",
        f"{crates.RUNTIME} = {inline(crates.runtime(project.folder, features))}",
        *render(start.text("dependencies"), slots).splitlines(),
        "",
        "[build-dependencies]",
        f"{crates.BUILD} = {{ path = {_quoted(crates.crate_path(crates.BUILD, project.folder))} }}",
    ]
    if project.executor == "ariel-os":
        lines += [
            "",
            "[lints.rust]",
            'unexpected_cfgs = { level = "warn", check-cfg = ["cfg(context, values(any()))"] }',
        ]
    else:
        lines += [
            *(["", *start.text("profile").splitlines()] if start.text("profile") else []),
            "",
            "[profile.release]",
            "opt-level = 3",
            'lto = "fat"',
            "codegen-units = 1",
            *(['panic = "abort"'] if not project.board.is_host else []),
            "",
            "# The kernels stay quick in a debug build.",
            "[profile.dev.package.ariel-ml-rs]",
            "opt-level = 3",
        ]
    lines += ["", "# A workspace of its own: firmware has its own target and its own lock file.", "[workspace]"]
    if project.executor == "ariel-os":
        lines.append('exclude = ["build"]')
    return "\n".join(line for line in lines) + "\n"


def _metadata(project: Project) -> list[str]:
    """Returns `[package.metadata.ariel]`: the short form where the model has no options."""
    board = project.board.name
    own = f"boards/{board}.toml"
    lines = [f"board = {_quoted(own if own in project.files else board)}"]
    if len(project.board.cores) > 1:
        lines += ["# One of its cores: docs/executors.md of Ariel-ML tells how all of them work.", "cores = 1"]
    own_name = project.module != module_name(Path(str(project.metadata["path"])).stem or "model")
    if set(project.metadata) == {"path"} and not own_name:
        return ["[package.metadata.ariel]", f"model = {_quoted(project.metadata['path'])}", *lines]
    table = f"[package.metadata.ariel.models.{tomlkit.key(project.module).as_string()}]"
    options = [f"{key} = {inline(value)}" for key, value in project.metadata.items()]
    return ["[package.metadata.ariel]", *lines, "", table, *options]


def _cargo_config(project: Project, slots: Mapping[str, str]) -> str:
    """Returns `.cargo/config.toml`: the target, how it is linked, and how `cargo run` runs it."""
    start, target = project.start, project.board.target
    flags = [*project.board.rustflags, *start.list("rustflags")]
    runner = render(start.text("runner"), slots).strip()
    lines = [
        "[build]",
        f'target = "{target}"',
        "",
        f"[target.{target}]",
        *(f"# {line}" for line in start.text("linker").splitlines()),
        f"rustflags = [{', '.join(map(_quoted, flags))}]",
    ]
    if "{{probe}}" in start.text("runner") and not slots["probe"]:
        lines += ["# With the name that probe-rs has for the chip:", f'# runner = "{runner} .."']
    else:
        lines.append(f"runner = {_quoted(runner)}")
    if start.text("config"):
        lines += ["", *start.text("config").splitlines()]
    return "\n".join(lines) + "\n"


def _emulator(board: Board) -> str:
    """Returns the command line of the emulator, up to what every project adds."""
    run = board.run
    if run is None or board.is_host:
        return ""
    words = [run.emulator, *(["-machine", run.machine] if run.machine else []), *(["-cpu", run.cpu] if run.cpu else [])]
    return " ".join([*words, *run.arguments])


def printable(text: str) -> str:
    """Returns a text as it may stand in a comment, and in a template: in one line, which ends nothing."""
    return "".join(c if c.isprintable() and c not in "{}" else "_" for c in text).replace("*/", "* /")


def _length(count: int) -> str:
    for unit, name in ((1 << 20, "M"), (1 << 10, "K")):
        if count % unit == 0:
            return f"{count // unit}{name}"
    return f"{count:#x}"


def _rounded(count: int) -> int:
    """Returns the next multiple of 1024."""
    return -(-count // 1024) * 1024


def _quoted(value: str) -> str:
    quoted: str = tomlkit.string(value).as_string()
    return quoted
