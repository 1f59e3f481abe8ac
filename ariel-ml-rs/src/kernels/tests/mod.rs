//! The property suite: every kernel against a few plain loops, whole and cut into tiles, with extreme inputs.

mod batch_matmul;
mod conv2d;
mod depthwise_conv2d;
mod fold;
mod fully_connected;
#[cfg(feature = "float")]
mod pool2d;
mod scalar;

use crate::memory::{Arena, Element, Image, Memory, Region};
use crate::quant::{Bounds, DoubleRounding, NearestEven, Requantize, high_mul, rounding_shift_right};
use crate::tile::Tile;
use core::mem::size_of;

/// Random cases of each property; Miri is slow.
const CASES: usize = if cfg!(miri) { 6 } else { 250 };

/// Room for the largest case.
const ARENA_BYTES: usize = 1 << 16;

/// Random numbers that are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    /// From `low` up to, not including, `high`.
    fn between(&mut self, low: i32, high: i32) -> i32 {
        low + (self.next() % (high - low).cast_unsigned()).cast_signed()
    }

    fn size(&mut self, low: i32, high: i32) -> usize {
        self.between(low, high).cast_unsigned() as usize
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.next() % 100 < percent
    }

    /// int8 elements; now and then extremes only.
    fn stored(&mut self, count: usize) -> Vec<i8> {
        let extreme = self.chance(20);
        (0..count)
            .map(|_| match (extreme, self.next() & 1) {
                (true, 0) => -128,
                (true, _) => 127,
                (false, _) => self.between(-128, 128) as i8,
            })
            .collect()
    }

    /// float32 elements that are small integers: their sums are exact in any order.
    fn real(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.between(-50, 51) as f32).collect()
    }

    /// As [`Self::real`], in every other case with infinities, zeros below zero and what is not a number among them.
    fn any_real(&mut self, count: usize) -> Vec<f32> {
        const RARE: [f32; 5] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0];
        self.mixed(count, &RARE)
    }

    /// As [`Self::any_real`], and subnormal numbers: what is summed of them depends on the order.
    fn any_real_alone(&mut self, count: usize) -> Vec<f32> {
        const RARE: [f32; 8] =
            [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e-45, -1e-40, f32::MIN_POSITIVE];
        self.mixed(count, &RARE)
    }

    fn mixed(&mut self, count: usize, rare: &[f32]) -> Vec<f32> {
        let mut elements = self.real(count);
        if self.chance(50) {
            let often = self.between(2, 60);
            for element in &mut elements {
                if self.chance(often as u32) {
                    *element = rare[self.between(0, rare.len() as i32) as usize];
                }
            }
        }
        elements
    }

    fn bounds(&mut self) -> Bounds {
        let (a, b) = (self.between(-128, 128), self.between(-128, 128));
        let (min, max) = if self.chance(50) { (-128, 127) } else { (a.min(b), a.max(b)) };
        Bounds { zero_point: self.between(-128, 128), min, max }
    }

    /// The tiles that cover `extent` units in multiples of `unit`, in any order.
    fn tiles(&mut self, extent: usize, unit: usize) -> Vec<Tile> {
        let (mut tiles, mut start) = (Vec::new(), 0);
        while start < extent {
            let end = (start + unit * self.size(1, 4)).min(extent);
            tiles.insert(self.size(0, tiles.len() as i32 + 1), Tile::new(start as u32, end as u32));
            start = end;
        }
        tiles
    }
}

/// An arena that is filled region by region.
struct Bench {
    arena: Box<Arena<ARENA_BYTES>>,
    used: usize,
}

impl Bench {
    fn new() -> Self {
        Self { arena: Box::default(), used: 0 }
    }

    /// A region for `count` elements, all bytes 0x55.
    fn room<T: Element>(&mut self, count: usize) -> Region {
        let bytes = count * size_of::<T>();
        let region = Region::new(self.used as u32, bytes as u32);
        self.used += bytes.next_multiple_of(16);
        assert!(self.used <= ARENA_BYTES, "the arena is too small for this case");
        self.clear(region);
        region
    }

    fn clear(&mut self, region: Region) {
        self.arena.fill(region, &vec![0x55; region.bytes as usize]);
    }

    fn put<T: Element>(&mut self, data: &[T]) -> Region {
        let region = self.room::<T>(data.len());
        for (index, value) in data.iter().enumerate() {
            // SAFETY: the region was made for these elements.
            unsafe { self.arena.memory().at::<T>(region).add(index).write(*value) };
        }
        region
    }

    fn get<T: Element>(&mut self, region: Region) -> Vec<T> {
        let count = region.bytes as usize / size_of::<T>();
        // SAFETY: the region was made for these elements.
        (0..count).map(|index| unsafe { *self.arena.memory().at::<T>(region).add(index) }).collect()
    }

    /// Runs a kernel whole, and tile by tile, and compares what it leaves in `output` with `want`.
    fn expect<T: Element + PartialOrd + core::fmt::Debug>(
        &mut self,
        output: Region,
        want: &[T],
        whole: Tile,
        tiles: &[Tile],
        run: impl Fn(Memory<'_>, Tile),
    ) {
        // What is not equal to itself is no number, and is wanted where none is.
        let same = |(a, b): (&T, &T)| a == b || (a.partial_cmp(a).is_none() && b.partial_cmp(b).is_none());
        let check = |got: &[T], how: &str| {
            assert!(got.iter().zip(want).all(same), "{how}:\n{got:?}\ninstead of\n{want:?}");
        };
        run(self.arena.memory(), whole);
        check(&self.get::<T>(output), "whole");
        self.clear(output);
        for tile in tiles {
            run(self.arena.memory(), *tile);
        }
        check(&self.get::<T>(output), &format!("in the tiles {tiles:?}"));
    }
}

fn whole(extent: usize) -> Tile {
    Tile::new(0, extent as u32)
}

fn leak<T>(data: Vec<T>) -> &'static [T] {
    Box::leak(data.into_boxed_slice())
}

/// A dense image.
fn image(region: Region, (height, width, channels): (usize, usize, usize)) -> Image {
    let (height, width, channels) = (height as u32, width as u32, channels as u32);
    Image { region, height, width, channels, row: width * channels, pixel: channels }
}

/// A filter `[channels][k]` as the compiler packs it: see [`super::multiply`].
fn packed<T: Copy>(filter: &[T], k: usize, groups: usize) -> &'static [T] {
    let mut out = Vec::new();
    let channels = filter.len() / k / groups;
    for group in filter.chunks(channels * k) {
        let blocks = channels / 4;
        for block in group[..blocks * 4 * k].chunks(4 * k) {
            for term in 0..k {
                out.extend((0..4).map(|channel| block[channel * k + term]));
            }
        }
        out.extend_from_slice(&group[blocks * 4 * k..]);
    }
    leak(out)
}

/// A rounding with random factors, and its definition.
trait Rounding: Requantize {
    fn random(random: &mut Random, channels: usize, k: usize) -> Self;
    fn by_definition(&self, acc: i32, channel: usize) -> i32;

    fn store(&self, acc: i32, channel: usize, bounds: &Bounds) -> i8 {
        (self.by_definition(acc, channel) + bounds.zero_point).max(bounds.min).min(bounds.max) as i8
    }
}

impl Rounding for DoubleRounding {
    fn random(random: &mut Random, channels: usize, k: usize) -> Self {
        // A sum of k products is about 2^(13 + log2(k) / 2).
        let size = 13 + (usize::BITS - k.leading_zeros()).cast_signed() / 2;
        let multipliers = (0..channels).map(|_| (random.next() & 0x3FFF_FFFF | 0x4000_0000).cast_signed()).collect();
        let shifts = (0..channels).map(|_| random.between(3 - size, 9 - size) as i8).collect();
        Self { multipliers: leak(multipliers), shifts: leak(shifts) }
    }

    fn by_definition(&self, acc: i32, channel: usize) -> i32 {
        let index = channel % self.multipliers.len();
        let (multiplier, shift) = (self.multipliers[index], i32::from(self.shifts[index]));
        let shifted = acc.wrapping_shl(shift.max(0).cast_unsigned());
        rounding_shift_right(high_mul(shifted, multiplier), shift.min(0).unsigned_abs())
    }
}

impl Rounding for NearestEven {
    fn random(random: &mut Random, channels: usize, k: usize) -> Self {
        let size = 1.0 / (74.0 * 74.0 * (k as f32).sqrt());
        let scales = (0..channels).map(|_| random.between(10, 200) as f32 * size).collect();
        Self { scales: leak(scales) }
    }

    fn by_definition(&self, acc: i32, channel: usize) -> i32 {
        (acc as f32 * self.scales[channel % self.scales.len()]).round_ties_even() as i32
    }
}

/// Channels for which a kernel gets factors: all, or one that serves all.
fn factors(random: &mut Random, channels: usize) -> usize {
    if random.chance(30) { 1 } else { channels }
}
