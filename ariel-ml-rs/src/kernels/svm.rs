//! Support vector machines in float32: distances from support vectors, what each pair of classes says, and probabilities of classes.

use super::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;
use core::num::NonZeroU32;

/// Quotient and remainder; `check` proved that extents are not 0, which the optimiser cannot know.
#[inline]
fn divide(index: usize, extent: usize) -> (usize, usize) {
    let extent = NonZeroU32::new(extent as u32).unwrap_or(NonZeroU32::MIN).get() as usize;
    (index / extent, index % extent)
}

/// `output[r, v] = sum over f of (input[r, f] - vectors[v, f])^2`.
#[derive(Clone, Copy)]
pub struct Distances {
    /// float32 features, `[rows][features]`.
    pub input: Region,
    /// float32 squares of distances, `[rows][count]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Features of a row.
    pub features: u32,
    /// Vectors.
    pub count: u32,
    /// Vectors, `[count][features]`.
    pub vectors: &'static [f32],
}

impl Distances {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and vectors do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (rows, features, count) = (self.rows as usize, self.features as usize, self.count as usize);
        self.input.check::<f32>(arena_bytes, rows.saturating_mul(features));
        self.output.check::<f32>(arena_bytes, rows.saturating_mul(count));
        assert!(count > 0 && self.vectors.len() == count.saturating_mul(features), "vectors of the wrong length");
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
        Work::of((self.rows as usize).saturating_mul(self.count as usize))
    }

    /// Computes one tile of the output: a range of vectors of all rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let features = self.features as usize;
        for unit in tile.start()..tile.end() {
            let (row, vector) = divide(unit, self.count as usize);
            // SAFETY: `check` proved both regions and the vectors; the tile's units are vectors of rows.
            unsafe {
                let input = memory.at::<f32>(self.input).cast_const().add(row * features);
                let vector = self.vectors.as_ptr().add(vector * features);
                let mut sum = 0.0;
                for index in 0..features {
                    let side = *input.add(index) - *vector.add(index);
                    sum += side * side;
                }
                memory.at::<f32>(self.output).add(unit).write(sum);
            }
        }
    }
}

/// For each pair of classes the sum over the vectors of both of a coefficient times what the kernel function made of the vector.
#[derive(Clone, Copy)]
pub struct Pairs {
    /// float32 values of the kernel function, `[rows][vectors]`.
    pub input: Region,
    /// float32 scores, `[rows][pairs]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Where the vectors of each class begin, and where the last ones end.
    pub starts: &'static [u32],
    /// `[classes - 1][vectors]`: row j has what vectors of class i say against class j, or j + 1 from i on.
    pub coefficients: &'static [f32],
    /// What is added for each pair.
    pub rho: &'static [f32],
}

impl Pairs {
    /// Classes.
    const fn classes(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Vectors of all classes.
    const fn vectors(&self) -> usize {
        if self.starts.is_empty() { 0 } else { self.starts[self.starts.len() - 1] as usize }
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and coefficients do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (rows, classes, vectors) = (self.rows as usize, self.classes(), self.vectors());
        assert!(classes > 1 && classes <= u16::MAX as usize, "pairs of less than two classes");
        let mut class = 0;
        while class < classes {
            assert!(self.starts[class] <= self.starts[class + 1], "a class that ends before it begins");
            class += 1;
        }
        self.input.check::<f32>(arena_bytes, rows.saturating_mul(vectors));
        self.output.check::<f32>(arena_bytes, rows.saturating_mul(self.rho.len()));
        assert!(self.rho.len() == classes * (classes - 1) / 2, "pairs of the wrong number");
        assert!(self.coefficients.len() == vectors.saturating_mul(classes - 1), "coefficients of the wrong length");
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
        Work::of((self.rows as usize).saturating_mul(self.rho.len()))
    }

    /// Computes one tile of the output: a range of pairs of all rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (classes, vectors) = (self.classes(), self.vectors());
        for unit in tile.start()..tile.end() {
            let (row, pair) = divide(unit, self.rho.len());
            let (mut one, mut behind) = (0, pair);
            while behind >= classes - 1 - one {
                behind -= classes - 1 - one;
                one += 1;
            }
            let other = one + 1 + behind;
            // SAFETY: `check` proved both regions, the starts and the coefficients; `one < other` are classes, for the pair is one of
            // `classes * (classes - 1) / 2`.
            unsafe {
                let input = memory.at::<f32>(self.input).cast_const().add(row * vectors);
                let sum = self.sum(input, one, other - 1) + self.sum(input, other, one);
                memory.at::<f32>(self.output).add(unit).write(sum + *self.rho.as_ptr().add(pair));
            }
        }
    }

    /// What the vectors of a class say, by a row of coefficients.
    ///
    /// # Safety
    /// `check` was passed; there are such a class and row, and `input` has a value for each vector.
    #[inline(always)]
    unsafe fn sum(&self, input: *const f32, class: usize, row: usize) -> f32 {
        let mut sum = 0.0;
        // SAFETY: as the caller promises.
        unsafe {
            let starts = self.starts.as_ptr().add(class);
            let coefficients = self.coefficients.as_ptr().add(row * self.vectors());
            for vector in *starts as usize..*starts.add(1) as usize {
                sum += *coefficients.add(vector) * *input.add(vector);
            }
        }
        sum
    }
}

/// Probabilities of classes of those that one of each pair is right: Wu, Lin and Weng, "Probability Estimates for Multi-class
/// Classification by Pairwise Coupling", 2004, their second method, by iteration.
#[derive(Clone, Copy)]
pub struct Coupled {
    /// float32 probabilities of the first class of each pair, `[rows][pairs]`.
    pub input: Region,
    /// float32 probabilities, `[rows][classes]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Classes.
    pub classes: u32,
    /// A matrix and a vector of the classes.
    pub scratch: Region,
}

impl Coupled {
    /// Steps at most.
    const STEPS: usize = 100;

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and classes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (rows, classes) = (self.rows as usize, self.classes as usize);
        assert!(classes > 1 && classes <= u16::MAX as usize, "pairs of less than two classes");
        self.input.check::<f32>(arena_bytes, rows.saturating_mul(classes * (classes - 1) / 2));
        self.output.check::<f32>(arena_bytes, rows.saturating_mul(classes));
        self.scratch.check_room::<f32>(arena_bytes, 0);
        let room = classes.saturating_mul(classes + 1).saturating_mul(4);
        self.scratch.check_scratch::<u8>(arena_bytes, room);
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
        Work::of(self.rows as usize).with_scratch(self.scratch)
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let classes = self.classes as usize;
        for row in tile.start()..tile.end() {
            // SAFETY: `check` proved regions and scratch, in which the matrix stands before the vector; the tile's rows are its own.
            unsafe {
                let pairs = memory.at::<f32>(self.input).cast_const().add(row * (classes * (classes - 1) / 2));
                let matrix = memory.scratch::<f32>(self.scratch);
                let result = memory.at::<f32>(self.output).add(row * classes);
                self.fill(pairs, matrix);
                self.solve(matrix, matrix.add(classes * classes), result);
            }
        }
    }

    /// Probability that class `one` is right, and not `other`.
    ///
    /// # Safety
    /// `pairs` has one for each pair; the two are classes, not the same.
    #[inline(always)]
    unsafe fn pair(&self, pairs: *const f32, one: usize, other: usize) -> f32 {
        let (low, high) = if one < other { (one, other) } else { (other, one) };
        let index = low * self.classes as usize - low * (low + 1) / 2 + (high - low - 1);
        // SAFETY: as the caller promises.
        let found = unsafe { *pairs.add(index) };
        if one < other { found } else { 1.0 - found }
    }

    /// Fills the matrix: in its diagonal sums of squares of what speaks against a class, beside it negative products of both.
    ///
    /// # Safety
    /// `pairs` has one for each pair, and `matrix` room for a square of the classes.
    unsafe fn fill(&self, pairs: *const f32, matrix: *mut f32) {
        let classes = self.classes as usize;
        for one in 0..classes {
            let mut sum = 0.0;
            for other in 0..classes {
                if one == other {
                    continue;
                }
                // SAFETY: as the caller promises.
                unsafe {
                    let (against, own) = (self.pair(pairs, other, one), self.pair(pairs, one, other));
                    sum += against * against;
                    matrix.add(one * classes + other).write(-against * own);
                }
            }
            // SAFETY: as above.
            unsafe { matrix.add(one * classes + one).write(sum) };
        }
    }

    /// Steps towards the probabilities until they change little.
    ///
    /// # Safety
    /// `matrix` is filled; `products` and `result` have room for the classes.
    unsafe fn solve(&self, matrix: *const f32, products: *mut f32, result: *mut f32) {
        let classes = self.classes as usize;
        let enough = 0.005 / classes as f32;
        // SAFETY: as the caller promises.
        unsafe {
            for class in 0..classes {
                result.add(class).write(1.0 / classes as f32);
            }
            for _ in 0..Self::STEPS {
                let mut total = 0.0;
                for one in 0..classes {
                    let mut sum = 0.0;
                    for other in 0..classes {
                        sum += *matrix.add(one * classes + other) * *result.add(other);
                    }
                    products.add(one).write(sum);
                    total += *result.add(one) * sum;
                }
                let mut most = 0.0;
                for class in 0..classes {
                    let error = (*products.add(class) - total).abs();
                    most = if error > most { error } else { most };
                }
                if most < enough {
                    break;
                }
                for one in 0..classes {
                    let own = *matrix.add(one * classes + one);
                    let change = (total - *products.add(one)) / own;
                    *result.add(one) += change;
                    total =
                        (total + change * (change * own + 2.0 * *products.add(one))) / (1.0 + change) / (1.0 + change);
                    for other in 0..classes {
                        let product = *products.add(other) + change * *matrix.add(one * classes + other);
                        products.add(other).write(product / (1.0 + change));
                        *result.add(other) /= 1.0 + change;
                    }
                }
            }
        }
    }
}
