//! Forests of decision trees in three steps: keys of a row's features, the leaf that each tree ends in, and what leaves sum to.
//!
//! A node sends a row on by one comparison of integers, `key > threshold`, whatever the model compares: keys go up as the features
//! do. A feature may have several keys ([`Slots`]), so that the other relations, the other side first, and what becomes of
//! what is no number cost nothing where nodes are walked.
//!
//! A node is two words, its threshold and where it leads: bits 0 to 11 are the number of the key, bits 12 to 29 a place, bit 31 says
//! that both sides are leaves and bit 30 that the right one is. A left side that is no leaf is the next node. So nodes lead to later
//! ones only, a walk ends, and a side or a subtree may belong to many trees. Where both are leaves, the place is that of two in a
//! row, or in its lower half the left one's number, and the right one's in its upper half.
//!
//! A larger forest has nodes of one word and keys of 7 bits: a key is how many of the cuts of its feature lie below it, and a node says
//! how many do for its threshold, in the word's upper bits, so that key and word compare as they are. Bits 2 to 9 are the number of the
//! key, bits 10 to 24 the place, bit 0 says that both sides are leaves and bit 1 that the right one is. A place at whose end are leaves
//! is that of the left one, with the right one behind it, or two numbers, that of the left one in the lower 7 bits.
//!
//! Which side is taken is selected, not jumped to: the only jump of a step is the one back.

mod keys;
mod leaves;
mod ranks;
mod short_leaves;
mod sums;
#[cfg(thumb2)]
mod thumb2;

pub use keys::{KeysF32, KeysF64, Slots};
pub use leaves::Leaves;
pub use ranks::RanksF32;
pub use short_leaves::ShortLeaves;
pub use sums::{BestsF32, BestsF64, Columns, Found, SumsF32, SumsF64};

/// Checks the nodes at which trees begin, of so many.
#[inline]
const fn check_roots(roots: &[u16], nodes: usize) {
    assert!(!roots.is_empty(), "no trees");
    let mut tree = 0;
    while tree < roots.len() {
        assert!((roots[tree] as usize) < nodes, "a tree without nodes");
        tree += 1;
    }
}

/// How many of so many numbers, which are in order, are less than `x`.
///
/// # Safety
/// There are so many.
#[inline(always)]
unsafe fn count_below<T: Copy + PartialOrd>(numbers: *const T, count: u32, x: T) -> u32 {
    let (mut start, mut end) = (0, count);
    while start < end {
        let middle = start + (end - start) / 2;
        // SAFETY: before `end`, which is at most `count`.
        if unsafe { *numbers.add(middle as usize) } < x {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start
}

/// Checks the starts of so many ranges of a table, which end with the table.
#[inline]
const fn check_starts(starts: &[u32], ranges: usize, table: usize) {
    assert!(starts.len() == ranges.saturating_add(1), "starts of the wrong length");
    let mut range = 0;
    while range < ranges {
        assert!(starts[range] <= starts[range + 1], "a range that ends before it begins");
        range += 1;
    }
    assert!(starts[ranges] as usize <= table, "a range outside of its table");
}
