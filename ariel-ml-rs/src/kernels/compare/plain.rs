//! Relations of plain numbers of any type but float32 and int32: which one is a field, so that each type is one kernel.

use super::{Broadcast, Relation};
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// The relation itself: a pointer, so that one loop serves all.
fn of<T: PartialOrd>(relation: Relation) -> fn(T, T) -> u8 {
    match relation {
        Relation::Equal => |a, b| u8::from(a == b),
        Relation::NotEqual => |a, b| u8::from(a != b),
        Relation::Greater => |a, b| u8::from(a > b),
        Relation::GreaterEqual => |a, b| u8::from(a >= b),
        Relation::Less => |a, b| u8::from(a < b),
        Relation::LessEqual => |a, b| u8::from(a <= b),
    }
}

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident: $element:ty;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Left operand.
            pub left: Source<$element>,
            /// Right operand.
            pub right: Source<$element>,
            /// Output.
            pub output: Region,
            /// How the operands are spread over the output.
            pub broadcast: Broadcast,
            /// What is asked.
            pub relation: Relation,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.broadcast.check::<$element, u8>(arena_bytes, &self.left, &self.right, &self.output);
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
                self.broadcast.work()
            }

            /// Computes one tile of the output, a range of its elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let f = of::<$element>(self.relation);
                // SAFETY: forwarded to the caller.
                unsafe { self.broadcast.map(memory, (self.left, self.right, self.output), tile, f) };
            }
        }
    )+ };
}

kernels! {
    /// Relations of uint8 without a scale.
    PlainU8: u8;
    /// Relations of int16 without a scale.
    PlainI16: i16;
    /// Relations of uint16.
    PlainU16: u16;
    /// Relations of uint32.
    PlainU32: u32;
    /// Relations of int64.
    PlainI64: i64;
    /// Relations of uint64.
    PlainU64: u64;
    /// Relations of float64.
    PlainF64: f64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_hold_as_they_are_written() {
        let all = [Relation::Less, Relation::LessEqual, Relation::Equal, Relation::GreaterEqual, Relation::Greater];
        let ask = |a: f64, b: f64| all.map(|relation| of::<f64>(relation)(a, b));
        assert_eq!(ask(1.0, 2.0), [1, 1, 0, 0, 0]);
        assert_eq!(ask(2.0, 2.0), [0, 1, 1, 1, 0]);
        assert_eq!(ask(3.0, 2.0), [0, 0, 0, 1, 1]);
        assert_eq!(ask(f64::NAN, 2.0), [0; 5]);
        assert_eq!(of::<u64>(Relation::Greater)(u64::MAX, 1), 1);
        assert_eq!([(1, 1), (1, 2)].map(|(a, b)| of::<i64>(Relation::NotEqual)(a, b)), [0, 1]);
    }
}
