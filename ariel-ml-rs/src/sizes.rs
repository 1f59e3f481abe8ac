//! Bounded dimensions: how much there is of them is said before an inference, and steps leave out what there is not.
//!
//! The arena and all shapes are those of the bound. Where a dimension is the outermost of a tensor, what there is of it lies in front,
//! as it would in a shorter tensor; a step whose units follow that order computes the first of them only. Units are rounded up to
//! granules: the surplus is computed of whatever lies behind, and nobody reads it. A size lies in the arena during an inference, where
//! kernels that need it, and workers on other cores, find it.
//!
//! Soundness does not depend on what is said: whatever number stands in the arena, a tile that [`Shorter::of`] gives lies inside the
//! one that it was given, and ends where that does, at the end of the step or at a granule.

use crate::Error;
use crate::memory::{Arena, Memory, Region};
use crate::tile::Tile;

/// A bounded dimension: its bound, and where the arena has its size.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    most: u32,
    place: Region,
}

impl Size {
    /// The dimension of at most so many, whose size is at that place of the arena.
    #[must_use]
    pub const fn new(most: u32, offset: u32) -> Self {
        Self { most, place: Region::new(offset, 4) }
    }
}

/// Checks that bounds are sizes, and that these lie inside the arena.
///
/// # Panics
/// Where they do not: evaluated in a constant, this is a compile error.
#[inline]
pub const fn check(sizes: &[Size], arena_bytes: usize) {
    let mut index = 0;
    while index < sizes.len() {
        assert!(sizes[index].most > 0, "a bound is 1 at least");
        sizes[index].place.check::<u32>(arena_bytes, 1);
        index += 1;
    }
}

/// Sets how much there is of each dimension.
///
/// # Errors
/// [`Error::WrongSize`] where one is 0 or beyond its bound, or they are not as many.
pub fn set(sizes: &[Size], to: &mut [u32], said: &[usize]) -> Result<(), Error> {
    let fits = |(size, &said): (&Size, &usize)| said >= 1 && said <= size.most as usize;
    if said.len() != sizes.len() || !sizes.iter().zip(said).all(fits) {
        return Err(Error::WrongSize);
    }
    for (to, &said) in to.iter_mut().zip(said) {
        // At most `most`.
        *to = said as u32;
    }
    Ok(())
}

/// How much there is of each dimension: what was said, or the bound.
#[must_use]
pub const fn told<const N: usize>(sizes: &[Size], said: [u32; N]) -> [usize; N] {
    let (mut found, mut index) = ([0; N], 0);
    while index < N && index < sizes.len() {
        let Size { most, .. } = sizes[index];
        found[index] = if said[index] == 0 || said[index] > most { most as usize } else { said[index] as usize };
        index += 1;
    }
    found
}

/// Writes the sizes where steps find them.
#[inline]
pub fn tell<const N: usize, const K: usize>(arena: &mut Arena<N>, sizes: &[Size], said: &[u32; K]) {
    for (size, told) in sizes.iter().zip(told(sizes, *said)) {
        // At most `most`.
        arena.fill(size.place, &(told as u32).to_ne_bytes());
    }
}

/// How the units of a step follow from the size of a dimension.
#[derive(Clone, Copy, Debug)]
pub struct Shorter {
    place: Region,
    /// Units for each element of the dimension; 0 where the step always runs whole.
    each: u32,
    /// Units that belong to other steps: those of the images of a batch before this one's.
    before: u32,
    granule: u32,
    extent: u32,
}

impl Shorter {
    /// A step that always runs whole.
    pub const WHOLE: Self = Self { place: Region::new(0, 0), each: 0, before: 0, granule: 1, extent: 0 };

    /// A step of `extent` units in granules, of which so many are for each element of the dimension, less those `before`, which
    /// other steps compute.
    #[must_use]
    pub const fn new(size: &Size, (each, before): (u32, u32), extent: u32, granule: u32) -> Self {
        Self { place: size.place, each, before, granule, extent }
    }

    /// Whether the step always runs whole.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.each == 0
    }

    /// The part of a tile that there is, if any.
    ///
    /// # Safety
    /// `memory` is the arena of the model whose constants these are, and nobody writes the size meanwhile.
    #[must_use]
    #[inline]
    pub unsafe fn of(&self, memory: Memory<'_>, tile: Tile) -> Option<Tile> {
        // SAFETY: the place passed `check` for this arena, all of which is initialised (`crate::plan`).
        let size = unsafe { *memory.at::<u32>(self.place) };
        Some(Tile::new(tile.start, tile.end.min(self.units(size)))).filter(|tile| tile.start < tile.end)
    }

    /// Units of that size: whole granules, or all of them.
    fn units(&self, size: u32) -> u32 {
        let units = size.saturating_mul(self.each).saturating_sub(self.before);
        units.checked_next_multiple_of(self.granule).unwrap_or(self.extent).min(self.extent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const SIZES: &[Size] = &[Size::new(5, 16)];

    fn part(each: u32, granule: usize, extent: u32) -> Shorter {
        Shorter::new(&SIZES[0], (each, 0), extent, granule as u32)
    }

    #[test]
    fn any_number_in_the_arena_leaves_tiles_inside_the_step_and_in_granules() {
        let mut arena = Arena::<32>::new();
        check(SIZES, 32);
        for (each, granule, extent) in [(1, 1, 5), (3, 2, 15), (4, 8, 20), (u32::MAX, 7, 20), (2, 64, 10)] {
            let step = part(each, granule, extent);
            for size in [0, 1, 2, 3, 4, 5, 6, 1000, u32::MAX - 1, u32::MAX] {
                arena.fill(SIZES[0].place, &size.to_ne_bytes());
                for start in (0..extent).step_by(granule) {
                    let tile = Tile::new(start, start.saturating_add(granule as u32).min(extent));
                    // SAFETY: the place lies inside the arena (`check`).
                    let part = unsafe { step.of(arena.memory(), tile) };
                    let whole = Tile::new(start, extent);
                    // SAFETY: as above.
                    for (tile, part) in [(tile, part), (whole, unsafe { step.of(arena.memory(), whole) })] {
                        let Some(part) = part else { continue };
                        assert!(part.start == tile.start && part.start < part.end && part.end <= tile.end);
                        assert!(part.end == extent || part.end % granule as u32 == 0);
                    }
                }
            }
        }
    }

    #[test]
    fn a_size_computes_its_units_and_what_rounds_them_up() {
        let mut arena = Arena::<32>::new();
        let step = part(3, 2, 15);
        let units: Vec<_> = (1..=5_u32)
            .map(|size| {
                arena.fill(SIZES[0].place, &size.to_ne_bytes());
                // SAFETY: the place lies inside the arena.
                unsafe { step.of(arena.memory(), Tile::new(0, 15)) }
            })
            .collect();
        assert_eq!(units, [4, 6, 10, 12, 15].map(|end| Some(Tile::new(0, end))));
    }

    #[test]
    fn an_image_is_computed_whole_where_it_is_there() {
        let mut arena = Arena::<32>::new();
        let images: Vec<_> = (0..5).map(|image| Shorter::new(&SIZES[0], (7, 7 * image), 7, 4)).collect();
        for size in 0..=5_u32 {
            arena.fill(SIZES[0].place, &size.to_ne_bytes());
            for (image, step) in (0..).zip(&images) {
                // SAFETY: the place lies inside the arena.
                let part = unsafe { step.of(arena.memory(), Tile::new(0, 7)) };
                assert_eq!(part, (image < size).then_some(Tile::new(0, 7)));
            }
        }
    }

    #[test]
    fn sizes_are_said_and_told() {
        let mut said = [0];
        assert_eq!(told(SIZES, said), [5]);
        for wrong in [&[0][..], &[6], &[], &[1, 1], &[usize::MAX]] {
            assert_eq!(set(SIZES, &mut said, wrong), Err(Error::WrongSize));
            assert_eq!(said, [0]);
        }
        assert_eq!(set(SIZES, &mut said, &[3]), Ok(()));
        assert_eq!(told(SIZES, said), [3]);
        assert_eq!(told(SIZES, [77]), [5]);
    }

    #[test]
    #[should_panic = "outside the arena"]
    fn a_size_lies_in_the_arena() {
        check(SIZES, 18);
    }
}
