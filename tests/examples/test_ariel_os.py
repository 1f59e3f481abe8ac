"""The Ariel OS example against a small stand-in for the operating system, by threads of this computer.

Ariel OS is not on crates.io, and laze fetches it from its repository: what is tested is that the example and the macro
`ariel_os_pool!` use its names and types as documented, and that a pool of threads that sleep on thread flags gives the
right answers. That the firmware runs on a board is not.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ariel_build.machine import process
from tests.examples import support


def test_threads_that_sleep_on_flags_answer_as_one_core(tmp_path: Path) -> None:
    example = support.EXAMPLES / "digits-ariel-os"
    manifest = (example / "Cargo.toml").read_text()
    for real, stand_in in (
        ("build/imports/ariel-os/src/ariel-os-boards", None),
        ("build/imports/ariel-os/src/ariel-os", Path(__file__).parent / "ariel_os"),
        ("../../ariel-ml-", f"{support.ROOT}/ariel-ml-"),
        ("../digits-mps2-an500", support.EXAMPLES / "digits-mps2-an500"),
    ):
        assert real in manifest
        if stand_in is None:
            manifest = "\n".join(line for line in manifest.splitlines() if real not in line)
        else:
            manifest = manifest.replace(real, str(stand_in))
    (tmp_path / "Cargo.toml").write_text(manifest)
    (tmp_path / "src").mkdir()
    main = (example / "src/main.rs").read_text()
    data = "../../digits-mps2-an500/models"
    assert data in main
    (tmp_path / "src/main.rs").write_text(main.replace(data, str(support.EXAMPLES / "digits-mps2-an500/models")))
    shutil.copy(example / "build.rs", tmp_path)
    done = process.run([support.cargo_build("digits-ariel-os", tmp_path)], timeout=120)
    assert done.status == 0, done.stdout + done.stderr
    record = support.digits()
    lines = sorted(done.stdout.splitlines())
    found = re.search(r"^(\d+) of (\d+) right, (\d+) too late; ", done.stdout, re.MULTILINE)
    assert found
    right, images, late = map(int, found.groups())
    # The budget is in this computer's time: it may be too busy for some.
    assert images == record["images"]
    assert int(record["int8_correct"]) - late <= right <= int(record["int8_correct"])
    assert right > 0
    # One thread on core 0 and one on core 1.
    assert [line.split()[-1] for line in lines if line.startswith("thread ")] in (["0b1", "0b10"], ["0b10", "0b1"])
