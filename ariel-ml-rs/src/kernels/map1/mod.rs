//! Elementwise functions of one float32 or float64: `output = f(input)`. The int8 forms are tables ([`super::lookup`]).
//!
//! The functions are rows of `ariel_build/ops/map1_rows.py`; what they share is here.

macro_rules! kernels {
    ($element:ty; $($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* } $f:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// Output; may be the input.
            pub output: Region,
            /// Elements.
            pub elements: u32,
            $($(#[$field_doc])* pub $field: $element,)*
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where a region is too small.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<$element>(arena_bytes, self.elements as usize);
                self.output.check::<$element>(arena_bytes, self.elements as usize);
            }

            /// What tiles read.
            pub const ACCESS: $crate::kernels::access::Access = $crate::kernels::access::Access::Elements;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.elements as usize)
            }

            /// Computes one tile of the output, a range of its elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let kernel = *self;
                let f = function::<$name, $element, _>($f);
                // SAFETY: the tile lies inside both regions (`check`).
                unsafe {
                    let (input, output) = (memory.at::<$element>(kernel.input), memory.at::<$element>(kernel.output));
                    for index in tile.start()..tile.end() {
                        output.add(index).write(f(&kernel, *input.add(index)));
                    }
                }
            }
        }
    )+ };
}

/// Gives a closure the types of its arguments.
#[inline]
fn function<K, T, F: Fn(&K, T) -> T>(f: F) -> F {
    f
}

/// `1 / (1 + e^-x)`, without an intermediate that overflows to a wrong result.
#[inline]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

/// Clamps a float64; what is not a number stays so.
#[inline]
fn clamp64(x: f64, low: f64, high: f64) -> f64 {
    let raised = if x < low { low } else { x };
    if raised > high { high } else { raised }
}

/// The same of float64.
#[inline]
fn sigmoid64(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The square root of float64.
#[inline]
fn sqrt64(x: f64) -> f64 {
    libm::sqrt(x)
}

/// The square root: one instruction where the calling convention shows that there is a floating-point unit.
#[inline]
pub(super) fn sqrt(x: f32) -> f32 {
    // `asm!` takes floating-point registers only where the target's features name the unit, which plain targets do not.
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    {
        /// `vsqrt.f32 s0, s0`: the calling convention has argument and result there. By its number, for the assembler knows
        /// the features no better.
        #[unsafe(naked)]
        extern "C" fn vsqrt(x: f32) -> f32 {
            core::arch::naked_asm!(".inst.w 0xeeb10ac0", "bx lr")
        }
        vsqrt(x)
    }
    #[cfg(not(all(target_arch = "arm", target_abi = "eabihf")))]
    libm::sqrtf(x)
}

mod int16;
mod leaky16;
mod rows;

pub use int16::*;
pub use leaky16::LeakyReluInt16;
pub use rows::*;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Arena, Region};
    use crate::tile::Tile;

    const DATA: [f32; 12] = [-90.0, -6.0, -2.5, -1.0, -0.5, -0.0, 0.25, 0.5, 1.5, 3.0, 7.0, 90.0];
    const REGION: Region = Region::new(0, 48);

    #[test]
    fn functions_agree_with_double_precision_in_tiles_and_in_place() {
        macro_rules! check {
            ($kernel:ident { $($field:ident: $value:expr),* }, |$x:ident| $naive:expr) => {
                for output in [REGION, Region::new(48, 48)] {
                    let mut arena = Arena::<96>::new();
                    let kernel = $kernel { input: REGION, output, elements: 12, $($field: $value),* };
                    kernel.check(96);
                    arena.fill(REGION, crate::tensor::bytes_of(&DATA));
                    for tile in [Tile::new(0, 5), Tile::new(5, 6), Tile::new(6, 12)] {
                        // SAFETY: checked above; the tiles are disjoint.
                        unsafe { kernel.run(arena.memory(), tile) };
                    }
                    // SAFETY: the region lies inside the arena.
                    let got = unsafe { core::slice::from_raw_parts(arena.memory().at::<f32>(output), 12).to_vec() };
                    for (x, got) in DATA.into_iter().zip(got) {
                        let $x = f64::from(x);
                        let want: f64 = $naive;
                        let close = (f64::from(got) - want).abs() <= 1e-5 * want.abs() + 1e-6;
                        let same = f64::from(got).total_cmp(&want).is_eq();
                        assert!(close || same, "{}({x}) = {got}, not {want}", stringify!($kernel));
                    }
                }
            };
        }
        check!(Clip { low: -0.5, high: 2.0 }, |x| x.clamp(-0.5, 2.0));
        check!(LeakyRelu { slope: 0.25 }, |x| if x < 0.0 { x * 0.25 } else { x });
        check!(Elu { alpha: 1.5 }, |x| if x < 0.0 { 1.5 * x.exp_m1() } else { x });
        check!(Celu { alpha: 0.5 }, |x| if x < 0.0 { 0.5 * (x / 0.5).exp_m1() } else { x });
        check!(Selu { alpha: 1.5, gamma: 2.0 }, |x| 2.0 * if x < 0.0 { 1.5 * x.exp_m1() } else { x });
        check!(HardSigmoid { alpha: 0.25, beta: 0.5 }, |x| (0.25 * x + 0.5).clamp(0.0, 1.0));
        check!(HardSwish {}, |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0);
        check!(Sigmoid {}, |x| 1.0 / (1.0 + (-x).exp()));
        check!(Swish { alpha: 1.0 }, |x| x / (1.0 + (-x).exp()));
        check!(Tanh {}, |x| x.tanh());
        check!(Softplus {}, |x| if x > 50.0 { x } else { x.exp().ln_1p() });
        check!(Softsign {}, |x| x / (1.0 + x.abs()));
        check!(Square {}, |x| x * x);
        check!(Reciprocal {}, |x| 1.0 / x);
        check!(Sign {}, |x| if x == 0.0 { x } else { x.signum() });
        check!(Floor {}, |x| x.floor());
        check!(Ceil {}, |x| x.ceil());
        check!(Round {}, |x| x.round_ties_even());
        check!(Shrink { bias: 0.25, lambd: 1.0 }, |x| if x < -1.0 {
            x + 0.25
        } else if x > 1.0 {
            x - 0.25
        } else {
            0.0
        });
        check!(Atan {}, |x| x.atan());
        check!(Asinh {}, |x| x.asinh());
        check!(Neg {}, |x| -x);
        check!(Abs {}, |x| x.abs());
    }
}
