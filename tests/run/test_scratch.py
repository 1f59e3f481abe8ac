"""Scratch in fast memory: it lies where the board file says, each core's in its own, and answers are the same."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.answers.samples import load, split_outputs
from ariel_build.boards import Board, Memory, board_file
from ariel_build.commands.run import execute_compiled
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import BoardError
from ariel_build.isa.select import swaps
from ariel_build.link import linker_script
from ariel_build.link import models as link
from ariel_build.run.elf import sections
from ariel_build.run.firmware import Subject, build
from tests.ops import parity, tflm
from tests.ops.armv7e_m import operators
from tests.ops.sums import samples_for
from tests.run.support import ON
from tests.run.test_fetch import SLOW, dense, marked, ran
from tools.recorded import DIGITS, crate
from tools.recorded.crate import one_at_a_time, write_crate
from tools.recorded.models import dev_models

KB = 1 << 10


def with_fast_memory(board: Board, scratch: int = 16 * KB, cores: int = 1) -> Board:
    """Returns the board, where the last bytes of its RAM are a memory of its own for each core."""
    first = board.banks("ram")[0]
    rest = replace(first, length=first.length - 64 * KB * cores)
    fast = [
        Memory(
            f"tcm{k}",
            "ram",
            rest.origin + rest.length + 64 * KB * k,
            64 * KB,
            cores=(k,),
            scratch=scratch,
            section=f".tcm{k}",
        )
        for k in range(cores)
    ]
    return replace(board, memories=(*(rest if memory is first else memory for memory in board.memories), *fast))


def layers(path: Path) -> list[tflm.Operator]:
    """Writes two convolutions, a depthwise one and a dense layer."""
    rng = np.random.default_rng(11)
    made = [*(operators.convolution(rng) for _ in range(2)), operators.depthwise(rng), operators.dense(rng)]
    path.write_bytes(tflm.models(made))
    return made


def compiled_for(board: Board, path: Path, cores: int = 1) -> Compiled:
    return compile_model(path, ModelOptions(path, cores=cores), board, "model")


def needs(compiled: Compiled) -> dict[str, int]:
    """Returns the bytes of scratch of the steps that have some."""
    return {step.name: step.call.scratch_bytes for step in compiled.schedule.steps if step.call.scratch_bytes}


def in_fast_memory(compiled: Compiled) -> list[str]:
    return [step.name for step in compiled.schedule.steps if step.call.fast]


def test_as_much_is_there_as_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "layers.tflite"
    layers(path)
    board = boards.load("qemu-cortex-m4")
    without, all_ = compiled_for(board, path), compiled_for(with_fast_memory(board), path)
    sizes = needs(without)
    assert in_fast_memory(without) == [] and without.plan.fast_bytes == 0
    assert in_fast_memory(all_) == list(needs(all_)) and needs(all_) == sizes
    # One step after the other has the same bytes there, and the arena none of them.
    largest = -(-max(sizes.values()) // 16) * 16
    assert all_.plan.fast_bytes == largest
    assert all_.plan.arena_bytes < without.plan.arena_bytes
    assert all_.ram_by_memory == {"ram": all_.plan.arena_bytes + 4, "tcm0": largest}
    assert all_.ram_bytes == sum(all_.ram_by_memory.values())
    assert f"scratch in `tcm0` (section `.tcm0.scratch.ariel.model`): {largest:,} bytes" in all_.notes
    # Where there is room for some only, it is told of the others.
    some = compiled_for(with_fast_memory(board, largest - 16), path)
    left = [name for name, size in sizes.items() if size > largest - 16]
    assert sorted([*left, *in_fast_memory(some)]) == sorted(sizes)
    assert 0 < len(left) < len(sizes)
    assert f"scratch of {left[0]} stays in the arena: it takes {largest:,} bytes, and `tcm0` has {largest - 16:,}" in (
        "".join(some.notes)
    )


def test_each_core_has_an_equal_part_of_a_memory_that_they_share() -> None:
    board = boards.load("qemu-riscv32")
    first = board.banks("ram")[0]
    of_all = replace(board, memories=(*board.memories, Memory("fast", "ram", 0, 4 * KB, scratch=1000, section=".f")))
    assert [of_all.scratch_room(cores) for cores in (1, 2, 3)] == [992, 496, 320]
    near = with_fast_memory(board, 2 * KB, cores=2)
    assert near.scratch_room(2) == 2 * KB
    # Of those that have none, scratch lies with the other data.
    assert near.scratch_room(4) == 2 * KB
    assert [memory and memory.name for memory in near.for_scratch(4)] == ["tcm0", "tcm1", None, None]
    assert near.banks("ram")[0].length == first.length - 128 * KB


def test_who_cannot_take_turns_has_it_in_the_arena(tmp_path: Path) -> None:
    """One core without compare-and-swap has no way to tell whose the scratch is; several have critical sections."""
    assert [swaps(isa) for isa in ("armv6-m", "armv7-m", "rv32imc", "rv32imac", "rv32gc_zba", "xtensa")] == [
        False,
        True,
        False,
        True,
        True,
        True,
    ]
    path = tmp_path / "layers.tflite"
    layers(path)
    board = with_fast_memory(boards.load("rp2040"), cores=2)
    one, two = compiled_for(board, path), compiled_for(board, path, cores=2)
    assert not in_fast_memory(one)
    assert "scratch stays in the arena: armv6-m has no compare-and-swap to tell whose `tcm0` is" in one.notes
    assert in_fast_memory(two)
    assert "`.tcm0.scratch.ariel.model`), `tcm1` (section `.tcm1.scratch.ariel.model`)" in "".join(two.notes)


def test_what_a_dma_fills_stays_in_the_arena(tmp_path: Path) -> None:
    path = tmp_path / "dense.tflite"
    path.write_bytes(tflm.models([dense(256, 256, 12)]))
    compiled = compiled_for(with_fast_memory(SLOW, 64 * KB), path)
    assert [step.call.kernel.path for step in compiled.schedule.steps] == ["isa::scalar::FetchedConnected"]
    assert compiled.plan.fast_bytes == 0 and compiled.plan.arena_bytes > 16 * KB


CORES = [
    *(marked(with_fast_memory(boards.load(f"qemu-cortex-{name}")), name) for name in ("m3", "m4", "m7", "m33", "m55")),
    marked(with_fast_memory(boards.load("qemu-riscv32")), "riscv32"),
]


@pytest.mark.parametrize("board", CORES)
def test_it_lies_where_the_board_says(board: Board, tmp_path: Path) -> None:
    path = tmp_path / "layers.tflite"
    made = layers(path)
    samples = samples_for(np.random.default_rng(7), made)
    want = parity.tflite(path, made, samples)
    compiled = compiled_for(board, path)
    assert in_fast_memory(compiled)
    done = ran(compiled, tmp_path, board, samples, stats=True)
    assert done.outputs == [b"".join(np.ascontiguousarray(x).tobytes() for x in answer) for answer in want]
    (found,) = [s for s in sections(build(board, Subject(tmp_path, "model")).read_bytes()) if s.name == ".fast0"]
    memory = next(memory for memory in board.memories if memory.scratch)
    assert found.address == memory.origin + memory.length - memory.scratch
    # No byte of it comes from flash.
    assert found.size == compiled.plan.fast_bytes and not found.loaded
    assert done.stats is not None
    assert done.stats["ram_bytes"] == compiled.ram_bytes


@pytest.mark.parametrize(
    "board, cores",
    [
        pytest.param(
            with_fast_memory(board, 2 * KB, cores=min(cores, 2)), cores, id=f"{cores} of {board.name}", marks=p.marks
        )
        for name, cores in (("qemu-riscv32", 2), ("qemu-riscv32", 4), ("qemu-cortex-m33x2", 2), ("rp2040-sim", 2))
        for p in [ON[name]]
        for board in [boards.load(name)]
    ],
)
def test_each_core_has_its_own(board: Board, cores: int, tmp_path: Path) -> None:
    path = tmp_path / "layers.tflite"
    made = layers(path)
    samples = samples_for(np.random.default_rng(8), made)
    want = parity.tflite(path, made, samples)
    compiled = compiled_for(board, path, cores)
    assert in_fast_memory(compiled)
    done = ran(compiled, tmp_path, board, samples, stats=True, cores=cores)
    assert done.outputs == [b"".join(np.ascontiguousarray(x).tobytes() for x in answer) for answer in want]
    elf = sections(build(board, Subject(tmp_path, "model"), cores=cores).read_bytes())
    memories = [memory for memory in board.memories if memory.scratch]
    found = {s.address: s.size for s in elf if s.name.startswith(".fast")}
    assert found == {m.origin + m.length - m.scratch: compiled.plan.fast_bytes for m in memories}
    assert done.stats is not None
    assert done.stats["ram_bytes"] == compiled.ram_bytes


TWO = """\
use ariel_ml_rs::Error;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

mod models { include!("models.rs"); }
use models::model::{Input, Model};

/// Those of other numbers for each seed.
fn input(seed: u8) -> Input {
    let mut input = Input::zeroed();
    input.0.iter_mut().zip(0_u8..).for_each(|(number, k)| *number = k.wrapping_mul(seed) as i8);
    input
}

fn main() {
    let answers: Vec<_> = (1..5).map(|k| Model::new().infer(&input(17 * k)).unwrap().0).collect();
    // Models that take turns, tile by tile, are not in each other's way.
    let (mut first, mut second) = (Model::new(), Model::new());
    *first.input_mut() = input(17);
    *second.input_mut() = input(34);
    {
        use ariel_ml_rs::model::Tiles;
        let (mut one, mut other) = (Tiles::new(&mut first), Tiles::new(&mut second));
        while one.advance().unwrap() | other.advance().unwrap() {}
        assert_eq!(one.conclude().0, answers[0]);
        assert_eq!(other.conclude().0, answers[1]);
    }
    static MET: AtomicBool = AtomicBool::new(false);
    // Of those that are at work at one time, one has the scratch, and the others are told.
    let told: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u8).map(|k| {
            let answers = &answers;
            scope.spawn(move || {
                let (mut model, input, mut told) = (Model::new(), input(17 * (k + 1)), [0, 0]);
                while told[0] < 200 || (told[0] < 1_000_000 && !MET.load(Relaxed)) {
                    match model.infer(&input) {
                        Ok(output) => {
                            assert_eq!(output.0, answers[usize::from(k)]);
                            told[0] += 1;
                        }
                        Err(error) => {
                            assert_eq!(error, Error::ScratchInUse);
                            told[1] += 1;
                            MET.store(true, Relaxed);
                        }
                    }
                }
                told
            })
        }).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(answers[0] != answers[1]);
    println!("{}", told.iter().map(|told| told[1]).sum::<u32>());
}
"""


def test_models_of_one_module_are_not_in_each_others_way(tmp_path: Path) -> None:
    host = replace(boards.load("host"), memories=(Memory("tcm", "ram", 0, 64 * KB, scratch=16 * KB, section=".tcm"),))
    compiled = compiled_for(host, DIGITS)
    assert compiled.plan.fast_bytes
    with one_at_a_time("scratch"):
        write_crate(tmp_path / "crate", TWO, [compiled])
        ended = crate.build(tmp_path / "crate", "run", "--release", "--quiet", shared="scratch")
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 0, "none of four threads was ever told"


@pytest.mark.models
@pytest.mark.parametrize("board", [marked(with_fast_memory(boards.load("qemu-cortex-m7")), "m7")])
@pytest.mark.parametrize("name", ["mlperf_kws_int8", "mlperf_ic_int8"])
def test_real_models_answer_as_recorded(name: str, board: Board, tmp_path: Path) -> None:
    model = dev_models()[name]
    compiled = compiled_for(board, model.path)
    without = compiled_for(boards.load("qemu-cortex-m7"), model.path)
    assert compiled.plan.arena_bytes < without.plan.arena_bytes
    np.savez(tmp_path / "in.npz", **model.given(2))  # type: ignore[arg-type]
    given = load(tmp_path / "in.npz", compiled.graph.inputs)
    done = execute_compiled(compiled, board, given.raw(), stats=True)
    outputs = split_outputs(compiled.graph.outputs, done.outputs, given.lead)
    assert model.wrong(list(outputs.values()), 2) == []
    assert done.stats is not None
    assert done.stats["ram_bytes"] == compiled.ram_bytes
    for what in ("flash", "stack"):
        count = done.stats[f"{what}_bytes"]
        assert isinstance(count, int)
        assert count <= getattr(compiled.bounds, what)


def test_a_section_that_no_script_places_is_told() -> None:
    need = link.Need("model", ram=0, weights=64, flash_most=0, stack_most=0, fast=(".tcm.scratch.ariel.model",))
    (told,) = link.warnings([need], link.Layout({}))
    assert "places the section `.tcm.scratch.ariel.model`, which has scratch of `model` for fast memory" in told.message
    script = linker_script.read("SECTIONS { .tcm (NOLOAD) : ALIGN(16) { *(.tcm.scratch.ariel.*) } > TCM }")
    assert not link.warnings([need], link.Layout({Path("memory.x"): script}))
    assert not link.warnings([replace(need, fast=(".bss.scratch.ariel.model",))], link.Layout({}))


@pytest.mark.parametrize(
    "lines, says",
    [
        ('scratch = "5K"', "`memories[0].scratch` is 5,120 bytes, and the memory has 4,096"),
        ('scratch = "3K"\nhot = "2K"', "are 5,120 bytes together, and the memory has 4,096"),
        ('scratch = "much"', "`memories[0].scratch` is"),
        ('scratch = "1K"\nsection = "dtcm"', "`memories[0].section` is"),
        ('scratch = "1K"\nkind = "flash"', "kernels write their scratch, which goes to RAM"),
        ('section = ".dtcm"', "say by `hot` and `scratch` how many bytes"),
    ],
)
def test_what_a_board_cannot_have_is_refused(lines: str, says: str) -> None:
    kind = "" if "kind" in lines else 'kind = "ram"'
    text = f"""
target = "thumbv7em-none-eabihf"
[[cores]]
name = "m"
isa = "armv7e-m"
[[memories]]
name = "tcm"
{kind}
origin = 0x2000_0000
length = "4K"
{lines}
"""
    with pytest.raises(BoardError) as refused:
        board_file.read("b.toml", "b", tomllib.loads(text))
    assert says in str(refused.value)


def test_two_memories_of_one_section_are_refused() -> None:
    memory = '[[memories]]\nname = "{0}"\nkind = "ram"\norigin = {1}\nlength = "4K"\nscratch = "1K"\nsection = ".t"\n'
    text = (
        'target = "any"\n[[cores]]\nname = "m"\nisa = "portable"\n' + memory.format("a", 0) + memory.format("b", 8192)
    )
    with pytest.raises(BoardError) as refused:
        board_file.read("b.toml", "b", tomllib.loads(text))
    assert "`memories[1].section`: another memory has `.t` already" in str(refused.value)
