//! Which loops a kernel runs: those of the core that it finds itself on, for the elements that it computes.

use crate::memory::Element;

/// Cores with the DSP extension.
#[cfg(armv7e_m)]
#[derive(Clone, Copy)]
pub struct Dsp;

/// Cores with the DSP extension and an FPU, which requantises as ONNX does.
#[cfg(vfpv4_sp)]
#[derive(Clone, Copy)]
pub struct DspFpu;

/// Cores with no more than Thumb-2.
#[derive(Clone, Copy)]
pub struct Thumb2;

/// Cores of both kinds in one chip.
#[cfg(armv7e_m)]
#[derive(Clone, Copy)]
pub struct Unequal {
    /// A bit for each worker whose core has the DSP extension.
    pub dsp: u32,
}

/// As [`Dsp`], with weights of four bits.
#[cfg(armv7e_m)]
#[derive(Clone, Copy)]
pub struct Dsp4;

/// As [`DspFpu`], with weights of four bits.
#[cfg(vfpv4_sp)]
#[derive(Clone, Copy)]
pub struct DspFpu4;

/// As [`Dsp`], for activations of int16.
#[cfg(armv7e_m)]
#[derive(Clone, Copy)]
pub struct Dsp16;

/// As [`Thumb2`], for activations of int16.
#[derive(Clone, Copy)]
pub struct Plain16;

/// As [`Unequal`], for activations of int16.
#[cfg(armv7e_m)]
#[derive(Clone, Copy)]
pub struct Unequal16 {
    /// A bit for each worker whose core has the DSP extension.
    pub dsp: u32,
}

/// The elements of activations, and what follows from them for the layout of patches and streams.
pub trait Cores: Copy + 'static {
    /// Elements of input and output.
    type Element: Element;
    /// Words of a patch for each word of the input: what is int8 has been widened to int16.
    const WIDE: usize;
    /// Elements of a row that loops take at a time.
    const STEP: usize;
    /// Channels that share words of weights: a pair, or four.
    const TOGETHER: usize;
    /// int32 of a stream in front of those of its first channels: what some begin with ends those before them.
    const HEAD: usize;
    /// int32 of channels that share words, besides their weights: biases and requantisation.
    const EXTRA: usize = 2 * Self::TOGETHER;
}

macro_rules! elements {
    ($element:ident, $wide:literal, $step:literal, $together:literal, $head:literal: $($(#[$attribute:meta])* $cores:ident),*) => { $(
        $(#[$attribute])*
        impl Cores for $cores {
            type Element = $element;
            const WIDE: usize = $wide;
            const STEP: usize = $step;
            const TOGETHER: usize = $together;
            const HEAD: usize = $head;
        }
    )* };
}
elements!(i8, 2, 8, 2, 3: #[cfg(armv7e_m)] Dsp, #[cfg(vfpv4_sp)] DspFpu, Thumb2, #[cfg(armv7e_m)] Unequal);
elements!(i8, 2, 8, 4, 0: #[cfg(armv7e_m)] Dsp4, #[cfg(vfpv4_sp)] DspFpu4);
elements!(i16, 1, 2, 2, 0: #[cfg(armv7e_m)] Dsp16, Plain16, #[cfg(armv7e_m)] Unequal16);

#[cfg(armv7e_m)]
impl Unequal16 {
    /// Whether the core of `worker` has the DSP extension.
    pub(super) const fn has_dsp(self, worker: u32) -> bool {
        self.dsp >> worker & 1 != 0
    }
}

#[cfg(armv7e_m)]
impl Unequal {
    /// Whether the core of `worker` has the DSP extension.
    pub(super) const fn has_dsp(self, worker: u32) -> bool {
        self.dsp >> worker & 1 != 0
    }
}

/// Defines `run` of a kernel with `compute::<L>(memory, tile)` for cores of each kind: with `int16` for activations of int16, too,
/// or for `only` those; with `int4` for weights of four bits, and with `ahead` for what fetches its weights on one core, which are compiled where a model calls them. Compiled with this crate are those of the cores that the target may have; where all have the DSP extension, those
/// of cores without, and of both in one chip, are rare and compiled where a model calls them.
macro_rules! for_cores {
    (rare $($of:tt)*) => {
        #[cfg(any(not(armv7e_m), armv8_m))]
        for_cores!($($of)*);
        #[cfg(all(armv7e_m, not(armv8_m)))]
        for_cores!(@ [<'a>] [impl Into<$crate::memory::Memory<'a>>] $($of)*);
    };
    ($kernel:ident, int16) => {
        for_cores!($kernel);
        for_cores!($kernel, only int16);
    };
    ($kernel:ident, int4) => {
        for_cores!($kernel);
        for_cores!($kernel, only int4);
    };
    ($kernel:ident, only int4) => {
        #[cfg(armv7e_m)]
        for_cores!(@ [<'a>] [impl Into<$crate::memory::Memory<'a>>] $kernel, Dsp4, |kernel, memory, tile| {
            kernel.compute::<super::cores::Dsp4>(memory, tile);
        });
        #[cfg(vfpv4_sp)]
        for_cores!(@ [<'a>] [impl Into<$crate::memory::Memory<'a>>] $kernel, DspFpu4, |kernel, memory, tile| {
            kernel.compute::<super::cores::DspFpu4>(memory, tile);
        });
    };
    ($kernel:ident, only ahead) => {
        #[cfg(armv7e_m)]
        for_cores!(@ [<'a>] [impl Into<$crate::memory::Memory<'a>>] $kernel, Dsp, |kernel, memory, tile| {
            kernel.compute::<super::cores::Dsp>(memory, tile);
        });
        #[cfg(vfpv4_sp)]
        for_cores!(@ [<'a>] [impl Into<$crate::memory::Memory<'a>>] $kernel, DspFpu, |kernel, memory, tile| {
            kernel.compute::<super::cores::DspFpu>(memory, tile);
        });
        for_cores!(@ [<'a>] [impl Into<$crate::memory::Memory<'a>>] $kernel, Thumb2, |kernel, memory, tile| {
            kernel.compute::<super::cores::Thumb2>(memory, tile);
        });
    };
    ($kernel:ident, only ahead of int16) => {
        #[cfg(armv7e_m)]
        for_cores!(@ [<'a>] [impl Into<$crate::memory::Memory<'a>>] $kernel, Dsp16, |kernel, memory, tile| {
            kernel.compute::<super::cores::Dsp16>(memory, tile);
        });
        for_cores!(@ [<'a>] [impl Into<$crate::memory::Memory<'a>>] $kernel, Plain16, |kernel, memory, tile| {
            kernel.compute::<super::cores::Plain16>(memory, tile);
        });
    };
    ($kernel:ident, only int16) => {
        #[cfg(armv7e_m)]
        for_cores!($kernel, Dsp16, |kernel, memory, tile| kernel.compute::<super::cores::Dsp16>(memory, tile));
        for_cores!(rare $kernel, Plain16, |kernel, memory, tile| kernel.compute::<super::cores::Plain16>(memory, tile));
        #[cfg(armv7e_m)]
        for_cores!(rare $kernel, Unequal16, |kernel, memory, tile| {
            if kernel.cores.has_dsp(memory.worker()) {
                kernel.compute::<super::cores::Dsp16>(memory, tile);
            } else {
                kernel.compute::<super::cores::Plain16>(memory, tile);
            }
        });
    };
    ($kernel:ident $(<$parameter:ident>)?) => {
        #[cfg(armv7e_m)]
        for_cores!($kernel $(<$parameter>)?, Dsp, |kernel, memory, tile| kernel.compute::<super::cores::Dsp>(memory, tile));
        #[cfg(vfpv4_sp)]
        for_cores!($kernel $(<$parameter>)?, DspFpu, |kernel, memory, tile| kernel.compute::<super::cores::DspFpu>(memory, tile));
        for_cores!(rare $kernel $(<$parameter>)?, Thumb2, |kernel, memory, tile| kernel.compute::<super::cores::Thumb2>(memory, tile));
        #[cfg(armv7e_m)]
        for_cores!(rare $kernel $(<$parameter>)?, Unequal, |kernel, memory, tile| {
            if kernel.cores.has_dsp(memory.worker()) {
                kernel.compute::<super::cores::Dsp>(memory, tile);
            } else {
                kernel.compute::<super::cores::Thumb2>(memory, tile);
            }
        });
    };
    ($kernel:ident $(<$parameter:ident>)?, $cores:ident, $($run:tt)*) => {
        for_cores!(@ [] [$crate::memory::Memory<'_>] $kernel $(<$parameter>)?, $cores, $($run)*);
    };
    (
        @ [$($lifetime:tt)*] [$($from:tt)*]
        $kernel:ident $(<$parameter:ident>)?, $cores:ident, |$this:ident, $memory:ident, $tile:ident| $run:expr
    ) => {
        impl $kernel<super::cores::$cores $(, $parameter)?> {
            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no
            /// other tile in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the
            /// output and begins where the kernel's tiles may, and the core of `memory`'s worker has what `cores` says.
            #[inline(never)]
            #[allow(clippy::useless_conversion, reason = "a `Memory` where the kernel is compiled here")]
            pub unsafe fn run $($lifetime)* (&self, $memory: $($from)*, $tile: $crate::tile::Tile) {
                let ($this, $memory): (&Self, $crate::memory::Memory<'_>) = (self, $memory.into());
                // SAFETY: forwarded to the caller.
                unsafe { $run }
            }
        }
    };
}
pub(super) use for_cores;
