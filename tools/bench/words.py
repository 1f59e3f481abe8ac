"""The prose of docs/benchmarks.md."""

from __future__ import annotations

__all__ = ["BUILD", "CYCLES", "HEAD", "HELIUM", "INT16", "LAYERS", "MEMORY", "MODELLED", "RULES", "WIDE"]

HEAD = """\
# Benchmarks

Made by `nox -s bench -- --refresh`, which also writes `benchmarks.json` (every figure) and the baseline
`benchmarks/baseline.json`; do not edit. `nox -s bench` measures all again and fails where instructions, arena or flash
of one of our models are more than 2 % above the baseline; `nox -s tests` does so for a few models. With `--only` or
`--board`, `--refresh` measures some rows anew and leaves the others as they are.

![Instructions per inference, of Ariel-ML and of its peers](benchmarks.svg)

All is measured in instructions per inference by a QEMU plugin, between two markers around the call, the copy of the
input included; after one inference that warms up, the mean of two samples. Every engine runs in the same firmware (the
harness of `cargo ariel run`) on the same emulated board, with the same profile: release, opt-level 3, fat LTO, one
codegen unit, `panic = "abort"`. C is compiled with `-O3 -ffunction-sections -fdata-sections` for the board's core.
"Recorded" figures are of engines that come from no package registry; `benchmarks/recorded.toml` has their conditions.
A peer's answer that is more than four quanta from the right one is said to differ: TFLite and ONNX round differently,
and that adds up. More than 32 quanta are wrong, and no share is taken of that.

microflow's `predict_quantized` gets its samples in its own order of columns; emx-onnx-cgen gets the same network as
ONNX: the public file where there is one, else the TFLite file as `tools/bench/convert.py` converts it (QOperator for
int8; dequantised for float32, the file that both engines then compile). Models named "made" are written by
`tools/bench/made.py`, with pseudo-random weights; the others are public ones, in the sources that
`tools/recorded/models.py` names, and are measured where that folder is present. Those named "streamed" get the same
samples row by row (`stream = true`), which no peer can.
"""

CYCLES = """\
"Estimated" applies the documented timings of the Cortex-M4 to the instructions that were executed (rules below); what
a simulated core's clock counted is exact.
"""

MEMORY = """\
On the Cortex-M7, in bytes, weights included, less what the same firmware takes without the model. RAM is static data
and the painted stack of an inference; the arena is the model's part of it. "Compiling" is the CPU time of `ariel_build`
from the model file to Rust, rustc excluded, as it was when the row was measured: it is not compared with anything.
"""

HELIUM = """\
Instructions that QEMU's mps3-an547 executes; one of them may take two cycles of a Cortex-M55 (`docs/helium.md`).
"""

MODELLED = """\
An estimate of what the core takes, not measured on one: every executed block of code times its cycles by `llvm-mca
-mcpu=cortex-m55` of LLVM 19, in steady state, without wait states and what branches cost (`tools/bench/mca.py`).
TFLite-Micro's was recorded in the same way. Where instructions and cycles disagree, cycles are nearer the hardware.
"""

INT16 = """\
Layers of a network that takes the noise out of speech, each a model of its own. CMSIS-NN has no transposed convolution
of int16: those figures are TFLite-Micro's reference code.
"""

HELIUM16 = """\
The same layers, in instructions and in modelled cycles, as for int8. Nobody else's figures are recorded there.
"""

WIDE = """\
The layers above, and layers of the same shapes in int8 with the same weights, in instructions per inference: what 16
bits cost where no instruction multiplies two of them at once. Code for Armv6-M is executed by an emulated Cortex-M3,
since the board with a Cortex-M0 is too small for most of these. LEAKY_RELU of int8 is a table of 256 bytes, for which
int16 has no counterpart.
"""

BUILD = """\
`nox -s bench -- --build-speed` measures what the largest TFLite model (vww) adds to a clean release build of firmware,
in CPU seconds of cargo and all that it starts, summed over both processors. On a machine with other work (load 3 on two
processors) it was 9.24 s; before kernels that few models have were compiled where a model calls them, and checks not
at all, it was 17.3 s (load 11). The runtime crate had 13.1 s of that, and then 6.0 s; libm takes 1.8 s, Python 0.9 s,
`ariel-ml-build` and `ariel-ml-macros` 1 s. 0.03 s when nothing changed, 0.2 s for another main.rs. Since then portable
kernels in whose place the target has an instruction set's, conversions, trees and rare products are compiled where a
model calls them, too: the runtime crate takes 0.67 of what it did (8.30 s for 12.47 s, each the least of four runs of
rustc that took turns, at load 12). So 9.24 s become 7.3 s, by that ratio: it was not measured anew.

With the features that `new` and `init` write for vww (none: [new-project.md](new-project.md#what-is-compiled)), a clean
build takes 7.3 s where the tree before took 14.2 s (means of two builds of each that took turns, at load 13): the
runtime crate 0.45 of what it did (3.4 s for 7.4 s), libm nothing for 2 s.

On a quiet machine, `nox -s bench -- --build-speed` says: a clean release build with MCUNet vww takes 7.35 s, 7.20 s
more than without the model; 0.03 s when nothing changed, 0.68 s for another main.rs.

`ariel-build compile` of vww took 0.83 to 0.92 s of CPU for the Cortex-M7 on a quiet machine, 0.3 s of it to import
numpy and ourselves. Models of 1,000 layers took 4.9 s for four cores (int8 convolutions); measured
before, for one core and for four: 3.0 s (int8 convolutions, one), 1.3 and 4.5 s (depthwise, pointwise, sum; float32),
0.8 and 1.0 s (float32, dense).
"""

LAYERS = """\
`nox -s bench -- --layers` prints these. A marker stands before every step, in firmware of its own, so that the totals
above are undisturbed; a step that streams in pieces is one row. "call" is the copy of the input and what lies around.
"""

RULES = """\
## How Cortex-M4 cycles are estimated

From Arm's Cortex-M4 Technical Reference Manual (100166, 3.3 and 7.2): zero wait states, one core, no interrupts.

- Data processing, multiplications of all kinds (SMLAD, SMULL, SMLAL, MLA among them), saturation, extension: 1.
- SDIV and UDIV: 7, the middle of the documented 2 to 12.
- A load: 2; a load or store that follows a load and whose address does not need the loaded register is pipelined: 1.
- A store with an immediate offset: 1; with a register offset: 2, and nothing is pipelined behind it.
- LDM, STM, PUSH, POP, LDRD, STRD, VLDM, VSTM: 1 + the number of words.
- A branch that is taken: 1 + P, with P = 1 where the target is encoded in the instruction and 2 where it is in a
  register or loaded (POP, LDR PC: the load, too); one more where the target is a 32-bit instruction that is not
  aligned. The manual gives P as 1 to 3. A branch that is not taken: 1. TBB and TBH: 2 + P.
- An instruction that IT skips: 1; IT itself: 1 (the manual allows it to be folded: 0).
- Floating point: VADD, VSUB, VMUL, conversions, moves, comparisons 1; VMLA, VFMA and kin 3; VDIV and VSQRT 14; VLDR 2.
- An access whose address the instruction before has just computed: one more.
- Not modelled: wait states of flash, the extra cycle that a literal load may take, and that of a float result which the
  next instruction uses. The estimate is for comparing code with code, not for deadlines.

`tests/bench/test_cycles.py` holds loops of known cycle counts against the estimate.
"""
