//! Kernels for one instruction set each, with weights in the order in which their inner loops read them.
//!
//! The compiler chooses them where the board's cores can run them (`ariel_build/isa/select.py`); their results are those of
//! the portable kernels, bit for bit. `build.rs` tells which can be assembled for the target.

/// Names the kernels of [`packed`] as cores of one kind run them.
#[cfg(thumb2)]
macro_rules! aliases {
    ($cores:ident, $cores16:ident) => {
        $crate::kernels::isa::aliases!($cores);
        $crate::kernels::isa::aliases!(int16 $cores16: Conv2d16 = Conv2d, ConvTranspose16 = ConvTranspose, FullyConnected16 = FullyConnected);
    };
    (int16 $($aliases:tt)*) => {
        $crate::kernels::isa::aliases!(@ "int16" $($aliases)*);
    };
    (int4 $($aliases:tt)*) => {
        $crate::kernels::isa::aliases!(@ "int8 with weights of four bits" $($aliases)*);
    };
    (@ $of:literal $cores:ident: $($alias:ident = $kernel:ident),*) => { $(
        #[doc = concat!("[`", stringify!($kernel), "`](super::packed::", stringify!($kernel), ") of ", $of, " for these cores.")]
        pub type $alias = super::packed::$kernel<super::packed::$cores>;
    )* };
    ($cores:ident) => {
        $crate::kernels::isa::aliases!($cores: AveragePool2d, Conv2d, DeepConnected, FullyConnected, Linear, SmallConv2d);

        pub use super::packed::{Far, FarShort, Near, NearShort};
        /// [`DepthwiseConv2d`](super::packed::DepthwiseConv2d) for these cores.
        pub type DepthwiseConv2d<O> = super::packed::DepthwiseConv2d<super::packed::$cores, O>;
    };
    (real $cores:ident: $($alias:ident = $kernel:ident),*) => { $(
        #[doc = concat!("[`", stringify!($kernel), "`](super::real::", stringify!($kernel), ") for these cores.")]
        pub type $alias = super::real::$kernel<super::real::$cores>;
    )* };
    ($cores:ident: $($kernel:ident),*) => { $(
        #[doc = concat!("[`", stringify!($kernel), "`](super::packed::", stringify!($kernel), ") for these cores.")]
        pub type $kernel = super::packed::$kernel<super::packed::$cores>;
    )* };
}
#[cfg(thumb2)]
use aliases;

mod along;
#[cfg(armv7e_m)]
pub mod armv7e_m;
#[cfg(vfpv4_sp)]
pub mod dsp_fpu;
mod fetched;
#[cfg(armv8_m)]
pub mod mve;
#[cfg(thumb2)]
pub mod packed;
#[cfg(thumb2)]
mod pairs;
#[cfg(all(vfpv4_sp, feature = "float"))]
pub mod real;
pub mod scalar;
#[cfg(any(armv8_m, all(vfpv4_sp, feature = "float")))]
mod side;
#[cfg(thumb2)]
pub mod thumb2;
#[cfg(armv7e_m)]
pub mod unequal;
#[cfg(all(vfpv4_sp, feature = "float"))]
pub mod vfpv4_sp;
