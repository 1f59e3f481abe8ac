//! Sums of products along lines of widened elements: four outputs at a time, a weight for all of them.

/// Outputs of a block.
pub(super) const BLOCK: usize = 4;

/// Lines of outputs of one channel, and the widened elements that they read. It is used up.
#[repr(C)]
pub(super) struct Lines {
    /// Where the first block of the first line reads its first tap.
    pub from: *const i32,
    /// Room for the sums: line by line, and for what the last block has too many.
    pub sums: *mut i32,
    /// Weights, row by row.
    pub weights: *const i32,
    /// Bytes behind the four elements of a tap to those of the next: after even taps and after odd ones.
    pub next: [isize; 2],
    /// The same behind the last tap of a row to the next row.
    pub next_row: isize,
    /// Blocks of a line, at least one.
    pub blocks: usize,
    /// Lines, at least one.
    pub count: usize,
    /// Taps of a row, at least one.
    pub taps: usize,
    /// Rows, at least one.
    pub rows: usize,
    /// Bytes from a line to the next one.
    pub next_line: isize,
    /// Bytes of sums that the blocks of a line have more than the line, negative.
    pub back: isize,
    /// Room for Armv6-M: blocks that are left, the place of the next one, and taps.
    pub left: [usize; 3],
}

/// Sums for all lines.
///
/// # Safety
/// All elements, weights and sums are there.
#[cfg(not(all(target_arch = "arm", not(thumb2))))]
pub(super) unsafe fn sum_lines(lines: &mut Lines) {
    for _ in 0..lines.count {
        for block in 0..lines.blocks {
            let (mut weight, mut from) = (lines.weights, lines.from.wrapping_add(BLOCK * block));
            let [mut a, mut b, mut c, mut d] = [0_i32; BLOCK];
            macro_rules! tap {
                ($next:expr) => {
                    let [p, q, r, s] = *from.cast::<[i32; BLOCK]>();
                    a = a.wrapping_add(p.wrapping_mul(*weight));
                    b = b.wrapping_add(q.wrapping_mul(*weight));
                    c = c.wrapping_add(r.wrapping_mul(*weight));
                    d = d.wrapping_add(s.wrapping_mul(*weight));
                    weight = weight.add(1);
                    from = from.wrapping_add(BLOCK).wrapping_byte_offset($next);
                };
            }
            // SAFETY: as the caller promises.
            unsafe {
                for _ in 0..lines.rows {
                    let [even, odd] = lines.next;
                    for _ in 1..lines.taps.div_ceil(2) {
                        tap!(even);
                        tap!(odd);
                    }
                    if lines.taps.is_multiple_of(2) {
                        tap!(even);
                    }
                    tap!(lines.next_row);
                }
                lines.sums.cast::<[i32; BLOCK]>().write([a, b, c, d]);
                lines.sums = lines.sums.add(BLOCK);
            }
        }
        lines.sums = lines.sums.wrapping_byte_offset(lines.back);
        lines.from = lines.from.wrapping_byte_offset(lines.next_line);
    }
}

#[cfg(all(target_arch = "arm", not(thumb2)))]
pub(super) use super::arm_taps::sum_lines;
