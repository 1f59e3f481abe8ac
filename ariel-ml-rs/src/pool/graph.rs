//! The graph of a model's units, as the compiler emits it: constant tables in flash.

/// The home of a unit that any worker may run first.
pub const ANY: u8 = 0xff;
/// The home of a gate: a unit without work, so that k tiles that wait for k tiles are k + k edges instead of k * k.
pub const GATE: u8 = 0xfe;

/// Units, which are the tiles of a model's steps and gates between them, and which of them wait for which.
///
/// Unit ids are a topological order: every edge leads to a higher id. Unit 0 is the only one that waits for none, and the
/// last unit the only one that none waits for, so that it is complete when all are. Where a model has several first or last
/// tiles, the compiler puts a gate there. Where control flow decides what runs, several such graphs stand one behind the other,
/// the blocks: a run is of one after the other, as its flow says.
#[derive(Clone, Copy, Debug)]
pub struct Graph {
    needs: &'static [u8],
    first: &'static [u16],
    next: &'static [u16],
    home: &'static [u8],
}

impl Graph {
    /// The graph of `UNITS` units. For each unit, `needs` tells for how many it waits, `home` the worker that should have it
    /// (or [`ANY`], or [`GATE`]), and `next[first[unit] .. first[unit + 1]]` the units that wait for it, in ascending order.
    ///
    /// # Panics
    /// Where the tables disagree: evaluated in a constant, as it should be, this is a compile error.
    #[must_use]
    pub const fn new<const UNITS: usize>(
        needs: &'static [u8; UNITS],
        first: &'static [u16],
        next: &'static [u16],
        home: &'static [u8; UNITS],
    ) -> Self {
        assert!(UNITS > 0 && UNITS <= 0xffff, "a graph has 1 to 65535 units");
        assert!(first.len() == UNITS + 1 && first[0] == 0, "`first` has one entry per unit and one more");
        assert!(first[UNITS] as usize == next.len(), "`first` does not end where `next` does");
        let mut edges = [0u16; UNITS];
        let mut unit = 0;
        // One past the block that the unit belongs to.
        let mut block = 0;
        while unit < UNITS {
            let end = first[unit + 1] as usize;
            assert!(first[unit] as usize <= end && end <= next.len(), "`first` must not decrease");
            if unit == block {
                while block < UNITS && first[block] != first[block + 1] {
                    block += 1;
                }
                assert!(block < UNITS, "the last unit has no successor");
                block += 1;
            }
            let mut last = unit;
            let mut edge = first[unit] as usize;
            while edge < end {
                let successor = next[edge] as usize;
                assert!(successor > last && successor < UNITS, "successors ascend, and come after their unit");
                assert!(successor < block, "only the last unit of a block has no successor");
                edges[successor] += 1;
                last = successor;
                edge += 1;
            }
            unit += 1;
        }
        unit = 0;
        let mut begins = true;
        while unit < UNITS {
            assert!(needs[unit] as u16 == edges[unit], "`needs` is not the number of predecessors");
            assert!((needs[unit] == 0) == begins, "only unit 0 of a block has no predecessor");
            begins = first[unit] == first[unit + 1];
            unit += 1;
        }
        Self { needs, first, next, home }
    }

    /// How many units there are.
    #[must_use]
    pub const fn units(&self) -> usize {
        self.needs.len()
    }

    /// How many blocks they are.
    #[must_use]
    pub const fn blocks(&self) -> usize {
        let (mut total, mut unit) = (0, 0);
        while unit < self.needs.len() {
            total += self.is_first(unit as u16) as usize;
            unit += 1;
        }
        total
    }

    /// Whether `unit` is the first of a block.
    #[must_use]
    pub const fn is_first(&self, unit: u16) -> bool {
        (unit as usize) < self.needs.len() && self.needs[unit as usize] == 0
    }

    /// For how many units `unit` waits.
    ///
    /// # Safety
    /// `unit` is one of this graph's.
    #[inline]
    pub(crate) unsafe fn needs(&self, unit: u16) -> u8 {
        // SAFETY: one entry per unit, by the type of `new`'s argument.
        unsafe { *self.needs.get_unchecked(usize::from(unit)) }
    }

    /// The worker that should have `unit`, or [`ANY`] or [`GATE`], which are the numbers of no worker.
    ///
    /// # Safety
    /// `unit` is one of this graph's.
    #[inline]
    pub(crate) unsafe fn home(&self, unit: u16) -> u8 {
        // SAFETY: one entry per unit, by the type of `new`'s argument.
        unsafe { *self.home.get_unchecked(usize::from(unit)) }
    }

    /// The units that wait for `unit`.
    ///
    /// # Safety
    /// `unit` is one of this graph's.
    #[inline]
    pub(crate) unsafe fn successors(&self, unit: u16) -> &'static [u16] {
        let unit = usize::from(unit);
        // SAFETY: `first` has an entry per unit and one more, does not decrease, and ends at `next`'s length (`new`).
        unsafe {
            let (start, end) = (*self.first.get_unchecked(unit), *self.first.get_unchecked(unit + 1));
            self.next.get_unchecked(usize::from(start)..usize::from(end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    const HOMES: &[u8; 4] = &[GATE, ANY, ANY, 0];

    #[test]
    fn a_diamond_is_accepted() {
        let graph = Graph::new(&[0, 1, 1, 2], &[0, 2, 3, 4, 4], &[1, 2, 3, 3], HOMES);
        // SAFETY: the graph has four units.
        unsafe {
            assert_eq!(graph.successors(0), [1, 2]);
            assert_eq!(graph.successors(3), []);
            assert_eq!((graph.needs(3), graph.home(3)), (2, 0));
        }
    }

    #[test]
    fn blocks_are_graphs_one_behind_the_other() {
        let graph = Graph::new(&[0, 1, 0, 0, 1], &[0, 1, 1, 1, 2, 2], &[1, 4], &[GATE, ANY, 0, ANY, ANY]);
        assert_eq!((graph.units(), graph.blocks()), (5, 3));
        assert!([0, 2, 3].into_iter().all(|unit| graph.is_first(unit)));
        assert!([1, 4, 5].into_iter().all(|unit| !graph.is_first(unit)));
    }

    #[test]
    fn one_unit_is_a_graph() {
        assert_eq!(Graph::new(&[0], &[0, 0], &[], &[ANY]).units(), 1);
    }

    /// Each table is wrong in one place.
    #[test]
    fn tables_that_disagree_are_refused() {
        type Tables = (&'static [u8; 4], &'static [u16], &'static [u16]);
        let broken: [(&str, Tables); 8] = [
            ("`needs` is not the number", (&[0, 1, 1, 1], &[0, 2, 3, 4, 4], &[1, 2, 3, 3])),
            ("one entry per unit", (&[0, 1, 1, 2], &[0, 2, 3, 4], &[1, 2, 3, 3])),
            ("does not end", (&[0, 1, 1, 2], &[0, 2, 3, 4, 4], &[1, 2, 3])),
            ("must not decrease", (&[0, 1, 1, 2], &[0, 3, 2, 4, 4], &[1, 2, 3, 3])),
            ("only the last unit", (&[0, 1, 1, 1], &[0, 2, 2, 3, 3], &[1, 2, 3])),
            ("only unit 0", (&[0, 0, 1, 2], &[0, 1, 2, 3, 3], &[2, 3, 3])),
            ("successors ascend", (&[0, 1, 1, 2], &[0, 2, 3, 4, 4], &[2, 1, 3, 3])),
            ("come after their unit", (&[0, 1, 2, 1], &[0, 2, 3, 4, 4], &[1, 2, 3, 2])),
        ];
        for (says, (needs, first, next)) in broken {
            let panic = catch_unwind(|| Graph::new(needs, first, next, HOMES)).expect_err(says);
            let message = panic.downcast_ref::<&str>().copied().unwrap_or_default();
            assert!(message.contains(says), "{message:?} does not say {says:?}");
        }
    }
}
