"""Loops of known cycle counts against the estimate for the Cortex-M4, and the decoder's own tests."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.machine import process
from ariel_build.run import counter, firmware, toolchain
from ariel_build.run.emulate import emulate
from ariel_build.run.firmware import Subject
from tests.run.support import ON
from tools.bench.engines import peer_module

BOARD = boards.load("qemu-cortex-m4")
#: The body of a loop, and what it takes by the manual's table and its pairing rules. `subs r3, #1; bne` closes each: 1
#: for the subtraction, 1 + P for the branch with P = 1, since the target is in the instruction and of 16 bits.
CLOSING = 3
LOOPS: Mapping[str, tuple[str, int]] = {
    "nothing": ("", 0),
    "arithmetic": ("adds r4, r4, r5; muls r4, r5, r4; smlad r4, r5, r5, r4; smull r4, r6, r5, r5; ssat r4, #8, r5", 5),
    "one load": ("ldr r4, [r0]", 2),
    "loads are pipelined": ("ldr r4, [r0]; ldr r5, [r0, #4]; ldr r6, [r0, #8]", 4),
    "a load of a loaded address": ("ldr r4, [sp]; ldrb r5, [sp, r4]", 4),
    "a load and a store of what it loaded": ("ldr r4, [r0]; str r4, [r0, #4]", 3),
    "a store with an immediate offset": ("str r4, [r0]", 1),
    "a store with a register offset": ("movs r6, #4; adds r4, r4, #1; str r4, [r0, r6]", 4),
    "an address that was just computed": ("adds r4, r0, #4; ldr r5, [r4]", 4),
    "four words at once": ("ldm r0, {r4, r5, r6, r7}", 5),
    "four words in and out": ("push {r4, r5, r6, r7}; pop {r4, r5, r6, r7}", 10),
    "two words": ("ldrd r4, r5, [r0]", 3),
    "a branch that is not taken": ("cmp r3, #0; beq 9f", 2),
    "a branch that is taken": ("b 8f; nop; 8: nop", 3),
    "a call": ("bl 7f", 2 + 3),
    "multiplying and adding floats": ("vmov s0, r4; vfma.f32 s1, s0, s0; vadd.f32 s1, s1, s0", 5),
    "dividing floats": ("vdiv.f32 s1, s0, s0", 14),
}


#: Registers are kept on the stack; a word of zero lies there for the loops that read one.
FUNCTION = """
    #[unsafe(naked)]
    unsafe extern "C" fn loop_INDEX(scratch: *const u32, turns: u32) {
        core::arch::naked_asm!(
            "push {{r4, r5, r6, r7, r8, lr}}", "movs r3, r1", "movs r4, #0", "sub sp, #8", "str r4, [sp]",
            ".balign 4", "2:", BODY "subs r3, #1", "bne 2b",
            "9:", "add sp, #8", "pop {{r4, r5, r6, r7, r8, pc}}",
            ".balign 4", "7:", "bx lr",
        )
    }
"""
CALL = """
            let _ = output;
            let scratch = [0u32; 8];
            // SAFETY: the input has two words.
            let (which, turns) = unsafe { (input.cast::<u32>().read(), input.cast::<u32>().add(1).read()) };
            match which { ARMS _ => unreachable!() }
"""


def _module() -> str:
    """Returns a module whose `infer` runs the loop that the first word of its input names, as often as the second."""
    functions, arms = "", ""
    for index, (body, _) in enumerate(LOOPS.values()):
        lines = "".join(f'"{line.strip()}", ' for line in body.split(";") if line)
        functions += FUNCTION.replace("INDEX", str(index)).replace("BODY", lines.replace("{", "{{").replace("}", "}}"))
        arms += f"{index} => unsafe {{ loop_{index}(scratch.as_ptr(), turns) }}, "
    return peer_module(8, 16, functions, CALL.replace("ARMS", arms))


@pytest.fixture(scope="module")
def cycles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Returns the cycles of one turn of each loop: the difference of two runs."""
    folder = tmp_path_factory.mktemp("loops")
    (folder / "ariel_models.rs").write_text(_module())
    image = firmware.build(BOARD, Subject(folder, "peer"))
    samples = [struct.pack("<II", index, turns) for index in range(len(LOOPS)) for turns in (100, 1100)]
    counts = emulate(BOARD, image, samples, count=True, timeout=60).counts
    assert counts is not None
    taken = [count.cycles or 0 for count in counts]
    return {name: (taken[2 * k + 1] - taken[2 * k]) / 1000 for k, name in enumerate(LOOPS)}


@pytest.mark.emulator("qemu-system-arm")
@pytest.mark.target(BOARD.target)
def test_executed_blocks_add_up_to_what_was_counted(tmp_path: Path) -> None:
    assert BOARD.run is not None
    board = replace(BOARD, run=replace(BOARD.run, timing="blocks"))
    (tmp_path / "ariel_models.rs").write_text(_module())
    image = firmware.build(board, Subject(tmp_path, "peer"))
    which = list(LOOPS).index("arithmetic")
    samples = [struct.pack("<II", which, turns) for turns in (100, 1100)]
    counts = emulate(board, image, samples, count=True, timeout=60).counts
    assert counts is not None
    told = [sum(instructions * times for _, instructions, times in count.blocks or ()) for count in counts]
    # The blocks with the markers are told in whole, or not.
    assert all(abs(told[k] - count.instructions[0]) < 100 for k, count in enumerate(counts))
    assert told[1] - told[0] == counts[1].instructions[0] - counts[0].instructions[0] == 1000 * (5 + 2)
    most = max(counts[1].blocks or (), key=lambda block: block[2])
    assert most[1:] == (5 + 2, 1099), "the body of the loop; its first turn begins in a block of its own"


@pytest.mark.parametrize("name", [pytest.param(name, marks=ON[BOARD.name].marks) for name in LOOPS])
def test_a_loop_takes_what_the_manual_says(name: str, cycles: dict[str, float]) -> None:
    assert cycles[name] == LOOPS[name][1] + CLOSING


def test_the_decoder(tmp_path: Path) -> None:
    """The counter's own tests; what QEMU exports to it is missing here, and not called."""
    env = {
        **toolchain.find("host").environment(),
        "CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR", "") or str(tmp_path),
        "RUSTFLAGS": "-Clink-arg=-Wl,--unresolved-symbols=ignore-all",
    }
    done = process.run(["cargo", "test", "--quiet", "--offline"], cwd=counter.HARNESS, env=env, timeout=300)
    assert done.status == 0, done.stdout + done.stderr
