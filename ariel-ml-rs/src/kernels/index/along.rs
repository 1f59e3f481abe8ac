//! What is computed along one axis: where the greatest element is, the best ones in order, and running sums.
//!
//! A tensor is `[outer, extent, inner]` around the axis. Each lane of `extent` elements is computed by itself.

use super::{index, width};
use crate::kernels::access::Access;
use crate::memory::{Element, Memory, Region, Source};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier};
use crate::tile::Tile;

/// A tensor around an axis.
#[derive(Clone, Copy)]
pub struct Lanes {
    /// Elements in front of the axis.
    pub outer: u32,
    /// Elements along it.
    pub extent: u32,
    /// Elements behind it.
    pub inner: u32,
}

impl Lanes {
    /// Its elements, with so many along the axis.
    const fn elements(&self, extent: u32) -> usize {
        (self.outer as usize).saturating_mul(extent as usize).saturating_mul(self.inner as usize)
    }

    /// Checks that there are elements along the axis.
    #[inline]
    const fn check_extent(&self) {
        assert!(self.extent > 0 && self.inner > 0, "an axis without elements");
    }
}

/// Whether one element is better than another; neither is where one is no number.
#[inline(always)]
fn is_better<T: PartialOrd + Copy>(one: T, other: T, least: bool) -> bool {
    if least { one < other } else { one > other }
}

/// Whether one element comes before another: what is no number comes last.
#[inline(always)]
fn is_before<T: PartialOrd + Copy>(one: T, other: T, least: bool) -> bool {
    let is_number = |value: T| value.partial_cmp(&value).is_some();
    is_better(one, other, least) || (is_number(one) && !is_number(other))
}

macro_rules! best {
    ($($(#[$doc:meta])* $name:ident: $element:ty;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// The int32 index of the best element of each lane.
            pub output: Region,
            /// The lanes.
            pub lanes: Lanes,
            /// Whether the least is the best, and not the greatest.
            pub least: bool,
            /// Whether the last of equal ones is, and not the first.
            pub last: bool,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and lanes do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.lanes.check_extent();
                self.input.check::<$element>(arena_bytes, self.lanes.elements(self.lanes.extent));
                self.output.check::<i32>(arena_bytes, self.lanes.elements(1));
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Whole;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.lanes.elements(1))
            }

            /// Computes one tile of the output: a range of lanes.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            #[allow(clippy::allow_attributes, clippy::float_cmp, reason = "the operator compares exactly")]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let inner = self.lanes.inner as usize;
                // SAFETY: lanes lie inside the input, and the tile inside the output (`check`).
                unsafe {
                    let (input, output) = (memory.at::<$element>(self.input), memory.at::<i32>(self.output));
                    for lane in tile.start()..tile.end() {
                        // `check` proved that the divisor is not 0.
                        let outer = lane.checked_div(inner).unwrap_or(0);
                        let behind = lane.wrapping_sub(outer.wrapping_mul(inner));
                        let first = outer.wrapping_mul(self.lanes.extent as usize).wrapping_mul(inner).wrapping_add(behind);
                        let mut from = input.add(first);
                        let (mut best, mut place) = (*from, 0);
                        for at in 1..self.lanes.extent {
                            from = from.wrapping_add(inner);
                            let value = *from;
                            if is_better(value, best, self.least) || (self.last && value == best) {
                                (best, place) = (value, at);
                            }
                        }
                        output.add(lane).write(place as i32);
                    }
                }
            }
        }
    )+ };
}

best! {
    /// Where the best element of each lane of float32 is.
    BestF32: f32;
    /// Where the best element of each lane of float64 is.
    BestF64: f64;
    /// Where the best element of each lane of int8 is.
    BestI8: i8;
    /// Where the best element of each lane of uint8 is.
    BestU8: u8;
    /// Where the best element of each lane of int16 is.
    BestI16: i16;
    /// Where the best element of each lane of int32 is.
    BestI32: i32;
    /// Where the best element of each lane of int64 is.
    BestI64: i64;
}

macro_rules! top {
    ($($(#[$doc:meta])* $name:ident: $element:ty;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// The best elements of each lane, the best first; of equal ones the first comes first.
            pub output: Region,
            /// Their int32 indices.
            pub places: Region,
            /// The lanes.
            pub lanes: Lanes,
            /// How many are the best.
            pub count: u32,
            /// Whether the least are.
            pub least: bool,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and lanes do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.lanes.check_extent();
                assert!(self.count <= self.lanes.extent, "more of the best than there are");
                self.input.check::<$element>(arena_bytes, self.lanes.elements(self.lanes.extent));
                self.output.check::<$element>(arena_bytes, self.lanes.elements(self.count));
                self.places.check::<i32>(arena_bytes, self.lanes.elements(self.count));
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Whole;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.lanes.outer as usize)
            }

            /// Computes one tile of the output: a range of what stands in front of the axis.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let (extent, inner) = (self.lanes.extent as usize, self.lanes.inner as usize);
                let count = self.count as usize;
                // SAFETY: lanes lie inside their regions, and the tile inside the output (`check`); up to `count` elements of a lane are
                // kept.
                unsafe {
                    let (input, values) = (memory.at::<$element>(self.input), memory.at::<$element>(self.output));
                    let places = memory.at::<i32>(self.places);
                    for outer in tile.start()..tile.end() {
                        for behind in 0..inner {
                            let from = input.add(outer.wrapping_mul(extent).wrapping_mul(inner).wrapping_add(behind));
                            let start = outer.wrapping_mul(count).wrapping_mul(inner).wrapping_add(behind);
                            let (values, places) = (values.wrapping_add(start), places.wrapping_add(start));
                            let mut kept = 0_usize;
                            for at in 0..extent {
                                let value = *from.add(at.wrapping_mul(inner));
                                // Those behind it move on by one; the last one goes where there is no more room.
                                let mut place = kept;
                                while place > 0 {
                                    let before = place.wrapping_sub(1).wrapping_mul(inner);
                                    if !is_before(value, *values.add(before), self.least) {
                                        break;
                                    }
                                    if place < count {
                                        let here = place.wrapping_mul(inner);
                                        values.add(here).write(*values.add(before));
                                        places.add(here).write(*places.add(before));
                                    }
                                    place = place.wrapping_sub(1);
                                }
                                if place < count {
                                    values.add(place.wrapping_mul(inner)).write(value);
                                    places.add(place.wrapping_mul(inner)).write(at as i32);
                                    kept = kept.wrapping_add(1).min(count);
                                }
                            }
                        }
                    }
                }
            }
        }
    )+ };
}

top! {
    /// The best elements of each lane of float32.
    TopF32: f32;
    /// The best elements of each lane of float64.
    TopF64: f64;
    /// The best elements of each lane of int8.
    TopI8: i8;
    /// The best elements of each lane of uint8.
    TopU8: u8;
    /// The best elements of each lane of int16.
    TopI16: i16;
    /// The best elements of each lane of int32.
    TopI32: i32;
    /// The best elements of each lane of int64.
    TopI64: i64;
}

/// The axes along which a running sum may go, and which of them it does.
#[derive(Clone, Copy)]
pub struct Running {
    /// Lanes along the axis, or along each one where it is known only at run time.
    pub axes: &'static [Lanes],
    /// Which of several; one that there is not is the nearest.
    pub axis: Source<u8>,
    /// Whether that has 64 bits.
    pub wide: bool,
    /// Whether an element does not count for itself.
    pub exclusive: bool,
    /// Whether it goes from the end to the beginning.
    pub reverse: bool,
}

impl Running {
    /// Checks that all lanes have so many elements.
    #[inline]
    const fn check_axes(&self, arena_bytes: usize) -> usize {
        assert!(!self.axes.is_empty(), "no axis");
        let elements = self.axes[0].elements(self.axes[0].extent);
        let mut axis = 0;
        while axis < self.axes.len() {
            self.axes[axis].check_extent();
            assert!(self.axes[axis].elements(self.axes[axis].extent) == elements, "axes of different tensors");
            axis += 1;
        }
        if self.axes.len() > 1 {
            self.axis.check(arena_bytes, width(self.wide));
        }
        elements
    }

    /// Units: what stands in front of the axis; all at once where that is not known.
    const fn units(&self) -> usize {
        if self.axes.len() == 1 { self.axes[0].outer as usize } else { 1 }
    }

    /// Walks lanes: `step` makes of an element and what came before what is written there, and what comes after.
    ///
    /// # Safety
    /// `input` and `output` have the elements that `check_axes` told; the tile lies inside.
    #[inline(always)]
    unsafe fn walk<T: Element, A: Copy>(
        &self,
        memory: Memory<'_>,
        (input, output): (Region, Region),
        tile: Tile,
        start: A,
        step: impl Fn(A, T) -> (A, T),
    ) {
        // SAFETY: lanes lie inside both regions, as the caller promises.
        unsafe {
            let (mut lanes, mut tile) = (self.axes.first(), tile);
            if self.axes.len() > 1 {
                let axis = index(memory.source(self.axis), 0, self.wide);
                let axis = if axis < 0 { axis.wrapping_add(self.axes.len() as i64) } else { axis };
                let last = self.axes.len().wrapping_sub(1);
                lanes = self.axes.get((axis.max(0) as usize).min(last));
                tile = Tile::new(0, lanes.map_or(0, |lanes| lanes.outer));
            }
            let Some(lanes) = lanes else { return };
            let (extent, inner) = (lanes.extent as usize, lanes.inner as usize);
            let (input, output) = (memory.at::<T>(input), memory.at::<T>(output));
            for outer in tile.start()..tile.end() {
                for behind in 0..inner {
                    let first = outer.wrapping_mul(extent).wrapping_mul(inner).wrapping_add(behind);
                    let mut sum = start;
                    for number in 0..extent {
                        let at = if self.reverse { extent.wrapping_sub(1).wrapping_sub(number) } else { number };
                        let place = first.wrapping_add(at.wrapping_mul(inner));
                        let (next, value) = step(sum, *input.add(place));
                        output.add(place).write(value);
                        sum = next;
                    }
                }
            }
        }
    }
}

macro_rules! running {
    ($($(#[$doc:meta])* $name:ident: $element:ty, |$a:ident, $b:ident| $add:expr, $mul:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// Output; may be the input.
            pub output: Region,
            /// The axis, and how it is walked.
            pub running: Running,
            /// Whether it is a product, and not a sum.
            pub product: bool,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and lanes do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                let elements = self.running.check_axes(arena_bytes);
                self.input.check::<$element>(arena_bytes, elements);
                self.output.check::<$element>(arena_bytes, elements);
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Whole;
            /// An element is read before it is written.
            pub const OVER_WHOLE: &'static [(&'static str, &'static str)] = &[("input", "output")];

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.running.units())
            }

            /// Computes one tile of the output: a range of what stands in front of the axis.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let (product, exclusive) = (self.product, self.running.exclusive);
                let start = if product { 1 as $element } else { 0 as $element };
                let step = |$a: $element, $b: $element| {
                    let next = if product { $mul } else { $add };
                    (next, if exclusive { $a } else { next })
                };
                // SAFETY: forwarded to the caller; `check` proved both regions.
                unsafe { self.running.walk(memory, (self.input, self.output), tile, start, step) }
            }
        }
    )+ };
}

running! {
    /// Running sums, or products, of float32.
    RunningF32: f32, |a, b| a + b, a * b;
    /// Running sums, or products, of float64.
    RunningF64: f64, |a, b| a + b, a * b;
    /// Running sums, or products, of int32, which wrap.
    RunningI32: i32, |a, b| a.wrapping_add(b), a.wrapping_mul(b);
    /// Running sums, or products, of int64, which wrap.
    RunningI64: i64, |a, b| a.wrapping_add(b), a.wrapping_mul(b);
}

/// Bits that TFLite shifts int8 by, once they are halved, before it sums them.
const SHIFT: u32 = 19;

/// TFLite's running sum of int8, in 32 bits that wrap: it begins with the zero point's negative, as the reference does.
#[derive(Clone, Copy)]
pub struct RunningInt8 {
    /// Input.
    pub input: Region,
    /// Output; may be the input.
    pub output: Region,
    /// The axis, and how it is walked.
    pub running: Running,
    /// Zero point of the input, negated.
    pub offset: i32,
    /// From the sum to the output.
    pub multiplier: i32,
    /// Its exponent, not positive.
    pub shift: i32,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
}

impl RunningInt8 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and lanes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let elements = self.running.check_axes(arena_bytes);
        self.input.check::<i8>(arena_bytes, elements);
        self.output.check::<i8>(arena_bytes, elements);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;
    /// An element is read before it is written.
    pub const OVER_WHOLE: &'static [(&'static str, &'static str)] = &[("input", "output")];

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.running.units())
    }

    /// Computes one tile of the output: a range of what stands in front of the axis.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
    /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let multiplier = Multiplier { multiplier: self.multiplier, shift: self.shift };
        let scaled = |value: i32| value.wrapping_shl(SHIFT);
        let step = |sum: i32, value: i8| {
            let next = sum.wrapping_add(scaled(self.offset.wrapping_add(i32::from(value))));
            (next, self.bounds.store(multiplier.apply(if self.running.exclusive { sum } else { next })))
        };
        // SAFETY: forwarded to the caller; `check` proved both regions.
        unsafe { self.running.walk(memory, (self.input, self.output), tile, scaled(self.offset), step) }
    }
}
