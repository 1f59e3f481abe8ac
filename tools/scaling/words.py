"""The prose of docs/scaling.md."""

from __future__ import annotations

__all__ = ["BOARDS", "HEAD", "TAIL"]

HEAD = """\
# How inferences scale with cores

Made by `nox -s scaling`; the figures as JSON are in [scaling.json](scaling.json). One inference on noise, opt-level
3, fat LTO; every answer is, bit for bit, that of the single-core code.

- **speed-up**: the time of the single-core code of the same model (`cores = 1`, which knows no pool) by the time
  here.
- **work more**: instructions of all cores together, waiting left out, above those of the single-core code: smaller
  tiles, the pool, and looking for work. On the line "pool of one" it is what the pool costs on one core, where a
  user would choose the single-core code instead.
- **stolen**: the share of units (tiles and gates) that a worker took from another's queue.
- **flash more**, **RAM more**: what the pool, the tables of units and the scratch of the other cores add to the
  model. The stacks of the other cores are the application's.
- **waits**: cycles that requests of a core waited for the memory, of all cycles of all cores.

Instruction time sees no contention for memory: it is an upper bound. What bandwidth does shows in the cycles of the
RTL.
"""

BOARDS = {
    "qemu-riscv32": """\
Makespan in instruction time: the cores' instruction clocks are kept together by a QEMU plugin, so that it repeats
to the instruction.
""",
    "qemu-cortex-m33x2": """\
Makespan in instruction time on two cores that differ: only the second has the DSP extension. The single-core code
runs on the first, so that more than 2 is possible.
""",
    "rp2040-sim": """\
Modelled clock cycles of two Cortex-M0+ ([how](rp2040-sim.md)). No contention for the XIP cache or for banks.
""",
    "rtl-riscv32": """\
Clock cycles of the RTL of CV32E40X cores ([how](rtl-riscv32.md)); instructions are fetched through a port of each
core, data of all cores share four banks of SRAM.
""",
    "rtl-riscv32-shared": """\
The same with instructions and data of all cores in four shared banks of SRAM.
""",
}

TAIL = """\
## Why four cores on shared banks are not four times as fast

A core can ask for two words in a cycle, an instruction and a datum: with both in the same four banks, four cores ask
for up to eight where the memory gives at most four, and less where several want the same bank.
The waits in the table are that: no plan gets around the fetches, only memory of the cores' own
does (a core's instruction cache or prefetch buffer, or code copied to a bank of its own). What the plan does: tiles
are ranges of neighbouring pixels or channels, so that cores are in different rows of the weights and of the image
at any time; small images are cut by channels, so that every weight is read by one core only; and kernels compute
several pixels times several channels at a time, so that a word that is loaded serves several products. With private
fetch the same firmware shows what is left for data alone.

The single-core code may also do what the code for several cores does not: where it saves RAM, of the tensors between
layers only the rows under the windows are there, which takes some instructions more (so that a speed-up of more than 2
on two cores is possible), and its arena is smaller (the larger part of "RAM more").

## A timeline

![Units of an inference on four cores over time](scaling.svg)

The digits model on four cores of `qemu-riscv32`, made by `cargo ariel run .. --cores 4 --timeline out.svg`: each
row is a core, each box a tile of a layer, hatched where it was stolen.
"""
