"""The fresh root's Rust has no targets but the host's, and rustup knows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.fresh import __main__ as command
from tools.fresh import root

HOST, ADDED = "x86_64-unknown-linux-gnu", "thumbv7em-none-eabihf"


def test_added_targets_are_taken_out(tmp_path: Path) -> None:
    for target in (HOST, ADDED):
        (tmp_path / target / "lib").mkdir(parents=True)
        (tmp_path / f"manifest-rust-std-{target}").touch()
    (tmp_path / f"manifest-rustc-{HOST}").touch()
    (tmp_path / "components").write_text(f"rustc-{HOST}\nrust-std-{HOST}\nrust-std-{ADDED}\n")
    tables = [f'[[components]]\npkg = "rust-std"\ntarget = "{target}"\n\n' for target in (HOST, ADDED)]
    (tmp_path / "multirust-config.toml").write_text('config_version = "1"\n\n' + "".join(tables))
    root.strip_targets(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {HOST}
    assert (tmp_path / "components").read_text() == f"rustc-{HOST}\nrust-std-{HOST}\n"
    config = (tmp_path / "multirust-config.toml").read_text()
    assert config == 'config_version = "1"\n\n' + tables[0]


def test_it_runs_the_readmes_commands(root: Path) -> None:
    readme = root.joinpath("README.md").read_text()
    for step in ("demo", "tests"):
        assert command.STEPS[step] in readme
    for step in command.STEPS.values():
        session = step.partition(".venv/bin/nox -s ")[2].split()[0]
        assert f"def {session}(" in root.joinpath("noxfile.py").read_text()


def test_only_root_may(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert command.main(["--folder", str(tmp_path / "roots")]) == 2
    assert "only root" in capsys.readouterr().err


def test_flavours_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["strange"])
    assert "strange" in capsys.readouterr().err
