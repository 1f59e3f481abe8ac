//! Images read at places that are computed at run time, between their cells.
//!
//! A grid has a number for each axis and place; a number `n` means `((n + 1) * stretch - shift) / 2` in cells. What lies outside the
//! image is 0, the cell at the edge, or the image again, mirrored.

use super::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;
use core::num::NonZeroU32;

/// How a place between cells is made of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The cell that is nearest, the even one of two.
    Nearest,
    /// Two cells along each axis.
    Linear,
    /// Four cells along each axis, by Keys' convolution with a = -0.75.
    Cubic,
}

/// What lies outside the image.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// Zeros.
    Zeros,
    /// The cell at the edge.
    Edge,
    /// The image, mirrored at its edge.
    Mirror,
}

/// Reads images at the places of a grid, all channels at once; float32.
#[derive(Clone, Copy)]
pub struct Grid {
    /// Images, `[batch][extents[0]][extents[1]][extents[2]][channels]`.
    pub input: Region,
    /// Numbers of the places, the last axis first, `[batch][places][rank]`.
    pub grid: Source<f32>,
    /// Output, `[batch][places][channels]`.
    pub output: Region,
    /// Images.
    pub batch: u32,
    /// Places in an image.
    pub places: u32,
    /// Channels.
    pub channels: u32,
    /// Axes that the grid has numbers for, the last ones: 1 to 3.
    pub rank: u32,
    /// Cells along each axis; the axes in front of those are 1.
    pub extents: [u32; 3],
    /// By what a number is stretched, for each axis.
    pub stretch: [f32; 3],
    /// What is taken off then.
    pub shift: [f32; 3],
    /// Whether the edge of the image goes through the centres of the outermost cells, not around them.
    pub aligned: bool,
    /// How cells are mixed.
    pub mode: Mode,
    /// What lies outside.
    pub outside: Outside,
}

/// The cells along an axis that a place is made of, and their weights.
#[derive(Clone, Copy)]
struct Taps {
    count: usize,
    cells: [u32; 4],
    weights: [f32; 4],
}

/// An axis that the grid has no numbers for.
const ONLY: Taps = Taps { count: 1, cells: [0; 4], weights: [1.0; 4] };

/// An axis of the image and its edges.
#[derive(Clone, Copy)]
struct Line {
    extent: u32,
    low: f32,
    high: f32,
    outside: Outside,
}

impl Line {
    /// A place mirrored at the edges until it lies between them.
    fn mirrored(self, place: f32) -> f32 {
        let range = self.high - self.low;
        if range <= 0.0 {
            return self.low;
        }
        let beyond = if place < self.low { self.low - place } else { place - self.high };
        if beyond.is_nan() || beyond <= 0.0 {
            return place;
        }
        let times = libm::truncf(beyond / range);
        let rest = beyond - times * range;
        // Whether it is mirrored once more than an even number of times.
        let is_near = times - 2.0 * libm::truncf(times / 2.0) == 0.0;
        if (place < self.low) == is_near { self.low + rest } else { self.high - rest }
    }

    /// A place as the rule for what lies outside has it.
    fn inside(self, place: f32) -> f32 {
        match self.outside {
            Outside::Edge if place < self.low || place > self.high => place.max(0.0).min(self.extent as f32 - 1.0),
            Outside::Mirror => self.mirrored(place),
            _ => place,
        }
    }

    /// A cell as the rule for what lies outside has it; at least `extent` where there is none.
    fn cell(self, cell: i32) -> u32 {
        let last = self.extent.saturating_sub(1);
        match self.outside {
            Outside::Zeros => cell.cast_unsigned(),
            Outside::Edge => cell.max(0).cast_unsigned().min(last),
            Outside::Mirror => (self.mirrored(cell as f32) as i32).max(0).cast_unsigned().min(last),
        }
    }

    /// The cells of a place.
    fn taps(self, place: f32, mode: Mode) -> Taps {
        if mode == Mode::Nearest {
            let cell = self.cell(self.inside(libm::rintf(place)) as i32);
            return Taps { count: 1, cells: [cell; 4], weights: [1.0; 4] };
        }
        // Where the convolution goes on at the edge, it has the cell there again for each tap outside, as PyTorch and onnxruntime.
        let is_clamped = mode == Mode::Cubic && self.outside == Outside::Edge;
        let place = if is_clamped { place } else { self.inside(place) };
        let floor = libm::floorf(place);
        let (cell, rest) = (floor as i32, place - floor);
        let (count, first, weights) = match mode {
            Mode::Cubic => {
                let near = |d: f32| (1.25 * d - 2.25) * d * d + 1.0;
                let far = |d: f32| ((-0.75 * d + 3.75) * d - 6.0) * d + 3.0;
                (4, cell.wrapping_sub(1), [far(rest + 1.0), near(rest), near(1.0 - rest), far(2.0 - rest)])
            }
            _ => (2, cell, [1.0 - rest, rest, 0.0, 0.0]),
        };
        Taps { count, cells: [0, 1, 2, 3].map(|tap| self.cell(first.wrapping_add(tap))), weights }
    }
}

impl Grid {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let [depth, height, width] = self.extents;
        let (batch, places, channels) = (self.batch as usize, self.places as usize, self.channels as usize);
        assert!(depth > 0 && height > 0 && width > 0 && batch > 0 && places > 0 && channels > 0, "extents of 0");
        assert!(depth <= 1 << 24 && height <= 1 << 24 && width <= 1 << 24, "extents that float32 cannot count");
        assert!(self.rank >= 1 && self.rank <= 3, "a grid of no axes, or of more than three");
        assert!(
            (self.rank > 2 || depth == 1) && (self.rank > 1 || height == 1),
            "axes that the grid has no numbers for"
        );
        let cells = (depth as usize).saturating_mul(height as usize).saturating_mul(width as usize);
        self.input.check::<f32>(arena_bytes, batch.saturating_mul(cells).saturating_mul(channels));
        self.grid.check(arena_bytes, batch.saturating_mul(places).saturating_mul(self.rank as usize));
        self.output.check::<f32>(arena_bytes, batch.saturating_mul(places).saturating_mul(channels));
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
        Work::of((self.batch as usize).saturating_mul(self.places as usize))
    }

    /// Computes one tile of the output: a range of places.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (channels, rank) = (self.channels as usize, self.rank as usize);
        let [depth, height, width] = self.extents.map(|extent| extent as usize);
        let places = NonZeroU32::new(self.places).unwrap_or(NonZeroU32::MIN).get() as usize;
        for unit in tile.start()..tile.end() {
            let mut taps = [ONLY; 3];
            // SAFETY: `check` proved the regions; the tile's places are places of the grid and of the output, and its own. Cells are
            // read where they lie inside the image only.
            unsafe {
                let numbers = memory.source::<f32>(self.grid).add(unit * rank);
                for (axis, taps) in taps.iter_mut().rev().take(rank).enumerate() {
                    let own = 2 - axis;
                    let place = ((*numbers.add(axis) + 1.0) * self.stretch[own] - self.shift[own]) / 2.0;
                    let extent = self.extents[own];
                    let (low, high) = if self.aligned { (0.0, 1.0) } else { (-0.5, 0.5) };
                    let line = Line { extent, low, high: extent as f32 - high, outside: self.outside };
                    *taps = line.taps(place, self.mode);
                }
                let image = memory.at::<f32>(self.input).cast_const();
                let image = image.add(unit / places * depth * height * width * channels);
                let output = memory.at::<f32>(self.output).add(unit * channels);
                output.write_bytes(0, channels);
                let [down, rows, columns] = taps;
                for z in 0..down.count {
                    for y in 0..rows.count {
                        for x in 0..columns.count {
                            let cell =
                                [down.cells[z & 3], rows.cells[y & 3], columns.cells[x & 3]].map(|cell| cell as usize);
                            if cell[0] >= depth || cell[1] >= height || cell[2] >= width {
                                continue;
                            }
                            let weight = down.weights[z & 3] * rows.weights[y & 3] * columns.weights[x & 3];
                            let source = image.add(((cell[0] * height + cell[1]) * width + cell[2]) * channels);
                            for channel in 0..channels {
                                let sum = output.add(channel);
                                sum.write(*sum + weight * *source.add(channel));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Samples of one bin along an axis where their number depends on the region: what no region in an image exceeds.
const MOST_SAMPLES: f32 = 1024.0;

/// `RoiAlign`: regions of images, cut into bins, of each of which samples between cells are averaged; float32.
#[derive(Clone, Copy)]
pub struct Regions {
    /// Images, `[images][channels][height][width]`.
    pub input: Source<f32>,
    /// Left, top, right and bottom of each region, `[regions][4]`.
    pub regions: Source<f32>,
    /// The image of each region; one that is none is the nearest that there is.
    pub numbers: Source<i64>,
    /// Output, `[regions][channels][rows][columns]`.
    pub output: Region,
    /// Images.
    pub images: u32,
    /// Channels.
    pub channels: u32,
    /// Rows of an image.
    pub height: u32,
    /// Columns of an image.
    pub width: u32,
    /// Regions.
    pub count: u32,
    /// Bins from top to bottom.
    pub rows: u32,
    /// Bins from left to right.
    pub columns: u32,
    /// Samples of a bin along each axis; 0 are as many as cells lie in it.
    pub samples: u32,
    /// By what corners are multiplied.
    pub scale: f32,
    /// Whether the centres of cells lie at halves; else a region has one cell at least.
    pub halves: bool,
    /// Whether the greatest weighted cell is taken, and not the average of the samples.
    pub greatest: bool,
}

impl Regions {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (images, channels, count) = (self.images as usize, self.channels as usize, self.count as usize);
        let (height, width) = (self.height as usize, self.width as usize);
        assert!(images > 0 && channels > 0 && height > 0 && width > 0, "extents of 0");
        assert!(height <= 1 << 24 && width <= 1 << 24, "extents that float32 cannot count");
        assert!(count > 0 && self.rows > 0 && self.columns > 0, "no bins");
        assert!(self.samples <= MOST_SAMPLES as u32, "too many samples");
        let cells = images.saturating_mul(channels).saturating_mul(height).saturating_mul(width);
        self.input.check(arena_bytes, cells);
        self.regions.check(arena_bytes, count.saturating_mul(4));
        self.numbers.check(arena_bytes, count);
        let bins = (self.rows as usize).saturating_mul(self.columns as usize);
        self.output.check::<f32>(arena_bytes, count.saturating_mul(channels).saturating_mul(bins));
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
        Work::of((self.count as usize).saturating_mul(self.channels as usize))
    }

    /// Computes one tile of the output: a range of channels of regions.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (rows, columns) = (self.rows as usize, self.columns as usize);
        let channels = NonZeroU32::new(self.channels).unwrap_or(NonZeroU32::MIN).get() as usize;
        let cells = self.height as usize * self.width as usize;
        for unit in tile.start()..tile.end() {
            let (region, channel) = (unit / channels, unit % channels);
            // SAFETY: `check` proved the regions; the tile's channels are channels of the output, and its own, and the image is one
            // that there is.
            unsafe {
                let [left, top, right, bottom] = *memory.source(self.regions).cast::<[f32; 4]>().add(region);
                let number = (*memory.source(self.numbers).add(region)).max(0).min(i64::from(self.images - 1));
                let plane = memory.source(self.input).add((number as usize * channels + channel) * cells);
                let output = memory.at::<f32>(self.output).add(unit * rows * columns);
                let down = self.bins(top, bottom, self.rows);
                let across = self.bins(left, right, self.columns);
                for row in 0..rows {
                    for column in 0..columns {
                        let value = self.bin(plane, (down, row), (across, column));
                        output.add(row * columns + column).write(value);
                    }
                }
            }
        }
    }

    /// The bins of a region along an axis.
    fn bins(&self, start: f32, end: f32, count: u32) -> Bins {
        let shift = if self.halves { 0.5 } else { 0.0 };
        let (start, end) = (start * self.scale - shift, end * self.scale - shift);
        let extent = if self.halves { end - start } else { (end - start).max(1.0) };
        let pitch = extent / count as f32;
        let samples = match self.samples {
            // None where the extent is not positive, or no number.
            0 if pitch > 0.0 => libm::ceilf(pitch).min(MOST_SAMPLES) as u32,
            samples => samples,
        };
        Bins { start, pitch, samples }
    }

    /// What a bin comes to.
    ///
    /// # Safety
    /// The plane has all cells.
    unsafe fn bin(&self, plane: *const f32, (down, row): (Bins, usize), (across, column): (Bins, usize)) -> f32 {
        let mut total = if self.greatest { f32::NEG_INFINITY } else { 0.0 };
        for y in 0..down.samples {
            let above = line(down.place(row, y), self.height);
            for x in 0..across.samples {
                let beside = line(across.place(column, x), self.width);
                let mut sum = 0.0;
                let mut most = f32::NEG_INFINITY;
                for (cell_y, weight_y) in above {
                    for (cell_x, weight_x) in beside {
                        // SAFETY: both cells lie inside the plane.
                        let value =
                            unsafe { *plane.add(cell_y * self.width as usize + cell_x) } * (weight_y * weight_x);
                        sum += value;
                        most = most.max(value);
                    }
                }
                total = if self.greatest { total.max(most) } else { total + sum };
            }
        }
        let samples = down.samples.saturating_mul(across.samples);
        match (self.greatest, samples) {
            (true, 0) => 0.0,
            (true, _) => total,
            (false, _) => total / samples.max(1) as f32,
        }
    }
}

/// Bins along an axis: where the first one begins, their size, and the samples of each.
#[derive(Clone, Copy)]
struct Bins {
    start: f32,
    pitch: f32,
    samples: u32,
}

impl Bins {
    /// The place of a sample.
    fn place(self, bin: usize, sample: u32) -> f32 {
        self.start + bin as f32 * self.pitch + (sample as f32 + 0.5) * self.pitch / self.samples as f32
    }
}

/// The two cells of an axis that a place lies between, and their weights; 0 where it lies outside of the image.
fn line(place: f32, extent: u32) -> [(usize, f32); 2] {
    if !(place >= -1.0 && place <= extent as f32) {
        return [(0, 0.0); 2];
    }
    let place = place.max(0.0);
    let last = extent.saturating_sub(1) as usize;
    let low = place as usize;
    if low >= last {
        return [(last, 1.0), (last, 0.0)];
    }
    let rest = place - low as f32;
    [(low, 1.0 - rest), (low + 1, rest)]
}
