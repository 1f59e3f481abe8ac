//! Conversions between element types. Booleans are bytes of 0 or 1.

use super::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

macro_rules! kernels {
    ($($name:ident: $from:ty, $to:ty => |$value:ident| $convert:expr;)+) => { $(
        #[doc = concat!("From ", stringify!($from), " to ", stringify!($to), ".")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// Output; may be the input where the sizes are equal.
            pub output: Region,
            /// Elements.
            pub elements: u32,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where a region is too small.
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<$from>(arena_bytes, self.elements as usize);
                self.output.check::<$to>(arena_bytes, self.elements as usize);
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Elements;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            pub const fn work(&self) -> Work {
                Work::of(self.elements as usize)
            }

            /// Computes one tile of the output, a range of its elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            #[allow(
                clippy::allow_attributes,
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                clippy::cast_lossless,
                reason = "conversions do what `as` does: integers wrap, floats round and saturate"
            )]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                // SAFETY: the tile lies inside both regions (`check`).
                unsafe {
                    let (input, output) = (memory.at::<$from>(self.input), memory.at::<$to>(self.output));
                    for index in tile.start()..tile.end() {
                        let $value = *input.add(index);
                        output.add(index).write($convert);
                    }
                }
            }
        }
    )+ };
}

kernels! {
    I8ToI16: i8, i16 => |x| x as i16;
    I8ToI32: i8, i32 => |x| x as i32;
    I8ToI64: i8, i64 => |x| x as i64;
    I8ToF32: i8, f32 => |x| x as f32;
    I8ToBool: i8, u8 => |x| u8::from(x != 0);
    U8ToI16: u8, i16 => |x| x as i16;
    U8ToI32: u8, i32 => |x| x as i32;
    U8ToI64: u8, i64 => |x| x as i64;
    U8ToF32: u8, f32 => |x| x as f32;
    U8ToBool: u8, u8 => |x| u8::from(x != 0);
    U16ToI32: u16, i32 => |x| x as i32;
    U16ToI64: u16, i64 => |x| x as i64;
    U16ToF32: u16, f32 => |x| x as f32;
    U32ToI64: u32, i64 => |x| x as i64;
    U32ToF32: u32, f32 => |x| x as f32;
    I16ToI8: i16, i8 => |x| x as i8;
    I16ToI32: i16, i32 => |x| x as i32;
    I16ToI64: i16, i64 => |x| x as i64;
    I16ToF32: i16, f32 => |x| x as f32;
    I16ToBool: i16, u8 => |x| u8::from(x != 0);
    I32ToI8: i32, i8 => |x| x as i8;
    I32ToI16: i32, i16 => |x| x as i16;
    I32ToI64: i32, i64 => |x| x as i64;
    I32ToF32: i32, f32 => |x| x as f32;
    I32ToBool: i32, u8 => |x| u8::from(x != 0);
    I64ToI8: i64, i8 => |x| x as i8;
    I64ToI16: i64, i16 => |x| x as i16;
    I64ToI32: i64, i32 => |x| x as i32;
    I64ToF32: i64, f32 => |x| x as f32;
    I64ToBool: i64, u8 => |x| u8::from(x != 0);
    F32ToI8: f32, i8 => |x| x as i32 as i8;
    F32ToI16: f32, i16 => |x| x as i32 as i16;
    F32ToI32: f32, i32 => |x| x as i32;
    F32ToU32: f32, u32 => |x| x as i64 as u32;
    F32ToI64: f32, i64 => |x| x as i64;
    F32ToBool: f32, u8 => |x| u8::from(x != 0.0);
    BoolToI8: u8, i8 => |x| x as i8;
    BoolToI16: u8, i16 => |x| x as i16;
    BoolToI32: u8, i32 => |x| x as i32;
    BoolToI64: u8, i64 => |x| x as i64;
    BoolToF32: u8, f32 => |x| x as f32;
}
