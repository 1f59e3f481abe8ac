//! Which loops a kernel runs: those of the cores that it is for.

use super::block::Block;
#[cfg(armv8_m)]
use crate::kernels::isa::mve::float32 as vectors;
use crate::kernels::isa::vfpv4_sp as scalars;

/// Cores with an FPU of single precision.
#[derive(Clone, Copy)]
pub struct Fpu;

/// Cores with an FPU and with Helium's vectors of float32.
#[cfg(armv8_m)]
#[derive(Clone, Copy)]
pub struct Helium;

/// A loop over blocks of channels.
pub(super) type Function = unsafe extern "C" fn(&Block);

/// A loop over the elements of two operands and of the output, which may be one of them.
pub(super) type Elementwise = unsafe extern "C" fn(*const f32, *const f32, *mut f32, usize);

/// The naked functions of cores: [`Block`] says what they read.
pub(super) trait Loops: Copy + 'static {
    /// Four channels of four pixels that share their weights.
    const DENSE4: Function;
    /// Four channels of one pixel.
    const DENSE1: Function;
    /// Single channels of one pixel.
    const DENSE: Function;
    /// Four channels, with taps of their own, of four pixels: any window.
    const TAPS4: Function;
    /// The same with three taps along the line, a pixel apart.
    const THREE4: Function;
    /// Four channels of one pixel.
    const TAPS1: Function;
    /// Single channels of one pixel.
    const TAPS: Function;
    /// Applies bounds, whose bits are given, to values, at least one.
    const CLAMP: unsafe extern "C" fn(*mut f32, usize, u32, u32);
    /// Makes values 0 that are negative; there may be none.
    const RELU: unsafe extern "C" fn(*mut f32, usize);
    /// Sums.
    const ADD: Elementwise;
    /// Differences.
    const SUB: Elementwise;
    /// Products.
    const MUL: Elementwise;
}

impl Loops for Fpu {
    const DENSE4: Function = scalars::gemm::block4;
    const DENSE1: Function = scalars::gemm::block1;
    const DENSE: Function = scalars::gemm::single;
    const TAPS4: Function = scalars::taps::taps4;
    const THREE4: Function = scalars::taps::three4;
    const TAPS1: Function = scalars::taps::taps1;
    const TAPS: Function = scalars::taps::tap;
    const CLAMP: unsafe extern "C" fn(*mut f32, usize, u32, u32) = scalars::clamp::clamp;
    const RELU: unsafe extern "C" fn(*mut f32, usize) = scalars::clamp::relu;
    const ADD: Elementwise = scalars::elementwise::add;
    const SUB: Elementwise = scalars::elementwise::sub;
    const MUL: Elementwise = scalars::elementwise::mul;
}

#[cfg(armv8_m)]
impl Loops for Helium {
    const DENSE4: Function = vectors::gemm::block4;
    const DENSE1: Function = vectors::gemm::block1;
    const DENSE: Function = scalars::gemm::single;
    const TAPS4: Function = vectors::taps::taps4;
    const THREE4: Function = vectors::taps::three4;
    const TAPS1: Function = vectors::taps::taps1;
    const TAPS: Function = scalars::taps::tap;
    const CLAMP: unsafe extern "C" fn(*mut f32, usize, u32, u32) = vectors::clamp::clamp;
    const RELU: unsafe extern "C" fn(*mut f32, usize) = vectors::clamp::relu;
    const ADD: Elementwise = vectors::elementwise::add;
    const SUB: Elementwise = vectors::elementwise::sub;
    const MUL: Elementwise = vectors::elementwise::mul;
}

/// Defines `run` of a kernel with `compute`, for cores of each kind.
macro_rules! for_fpus {
    ($kernel:ident) => {
        for_fpus!($kernel, Fpu);
        #[cfg(armv8_m)]
        for_fpus!($kernel, Helium);
    };
    ($kernel:ident, $cores:ident) => {
        impl $kernel<super::cores::$cores> {
            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output and
            /// begins where the kernel's tiles may, and the core has what `cores` says.
            #[inline(never)]
            pub unsafe fn run(&self, memory: $crate::memory::Memory<'_>, tile: $crate::tile::Tile) {
                // SAFETY: forwarded to the caller.
                unsafe { self.compute(memory, tile) };
            }
        }
    };
}
pub(super) use for_fpus;
