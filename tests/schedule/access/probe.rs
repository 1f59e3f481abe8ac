//! Runs one tile alone on memory full of noise, and tells where it read or wrote outside of what is claimed.
//!
//! ```text
//! case     step, start, end, worker, seed, is_float, then the numbers of read, write and scratch blocks, then the blocks
//! block    start, length, stride, count
//! verdict  bytes written outside the claim, the first of them; bytes written that follow from bytes not claimed as read, the
//!          first of them; bytes claimed as written only that never were
//! ```

/// Words of a case before its blocks.
pub const HEAD: usize = 9;
/// Words of a verdict.
pub const VERDICT: usize = 5;

const READ: u8 = 1;
const WRITTEN: u8 = 2;
const SCRATCH: u8 = 4;
const SEEN: u8 = 8;

/// Fills the memory with noise; with `keep`, all but what the tile may read.
fn fill(memory: &mut [u8], mask: &[u8], seed: u32, is_float: bool, keep: bool) {
    for (index, (byte, mask)) in memory.iter_mut().zip(mask).enumerate() {
        if !keep || mask & READ == 0 {
            *byte = noise(seed, index, is_float);
        }
    }
}

/// A byte that follows from its place; of floats, each is between 2^-7 and 2 in size.
fn noise(seed: u32, index: usize, is_float: bool) -> u8 {
    let mut word = (index as u32).wrapping_mul(0x9e37_79b9) ^ seed.wrapping_mul(0x85eb_ca6b);
    word = (word ^ word >> 15).wrapping_mul(0x2c1b_3c6d);
    word = (word ^ word >> 12).wrapping_mul(0x297a_2d39);
    word ^= word >> 15;
    let byte = word as u8;
    if is_float && index % 4 == 3 { if byte & 1 == 0 { 0x3f - (byte >> 7) } else { 0xbf - (byte >> 7) } } else { byte }
}

/// Marks the bytes of a block.
fn mark(mask: &mut [u8], block: &[u32], what: u8) {
    for run in 0..block[3] {
        let start = (block[0] + run * block[2]) as usize;
        for byte in &mut mask[start..start + block[1] as usize] {
            *byte |= what;
        }
    }
}

/// Runs the case; `first`, `second` and `mask` are as large as the arena, and `run` runs a tile on such memory.
pub fn probe(
    case: &[u32],
    first: &mut [u8],
    second: &mut [u8],
    mask: &mut [u8],
    run: &mut dyn FnMut(*mut u8, u32, usize, u32, u32),
) -> [u32; VERDICT] {
    let [step, start, end, worker, seed, is_float] = [case[0], case[1], case[2], case[3], case[4], case[5]];
    let is_float = is_float != 0;
    mask.fill(0);
    let mut blocks = case[HEAD..].chunks(4);
    for (count, what) in [(case[6], READ), (case[7], WRITTEN), (case[8], SCRATCH)] {
        for _ in 0..count {
            mark(mask, blocks.next().unwrap_or(&[0; 4]), what);
        }
    }
    let mut verdict = [0, u32::MAX, 0, u32::MAX, 0];
    let mut complain = |what: usize, index: usize| {
        verdict[what] += 1;
        verdict[what + 1] = verdict[what + 1].min(index as u32);
    };
    for round in 0..2 {
        // Twice on the same bytes where it may read, and on others everywhere else: the same must come out.
        let (one, two) = (seed.wrapping_add(2 * round), seed.wrapping_add(2 * round + 1));
        fill(first, mask, one, is_float, false);
        second.copy_from_slice(first);
        fill(second, mask, two, is_float, true);
        run(first.as_mut_ptr(), worker, step as usize, start, end);
        run(second.as_mut_ptr(), worker, step as usize, start, end);
        for (index, mask) in mask.iter_mut().enumerate() {
            let (a, b) = (first[index], second[index]);
            let seed = if *mask & READ == 0 { two } else { one };
            if a == noise(one, index, is_float) && b == noise(seed, index, is_float) {
                continue;
            }
            *mask |= SEEN;
            if *mask & (WRITTEN | SCRATCH) == 0 {
                complain(0, index);
            } else if a != b && *mask & WRITTEN != 0 {
                complain(2, index);
            }
        }
    }
    verdict[4] = mask.iter().filter(|mask| **mask & (READ | WRITTEN | SEEN) == WRITTEN).count() as u32;
    verdict
}
