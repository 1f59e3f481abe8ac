//! The time of the Cortex-M4, estimated: what its manual says of each instruction, summed over those that were executed.
//!
//! ```text
//! a block    sum of its instructions, without the refill behind its last one: known when it is translated
//! a refill   where a block follows that is not the next in memory, its last instruction was a branch that was taken
//! time       sum of the blocks that the core has left, with their refills
//! ```

use crate::thumb::{self, Kind, Registers};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};

/// What is known of a translation block; lives for ever.
#[derive(Debug, Default)]
pub struct Block {
    /// Instructions.
    pub count: u64,
    /// Cycles of the instructions before each one, and of all.
    before: Vec<u64>,
    start: u64,
    end: u64,
    /// Cycles to fill the pipeline if the last instruction branches: 0 where it cannot.
    refill: u64,
    /// One more where a branch comes here: the first instruction has 32 bits and is not aligned.
    skewed: bool,
}

/// The core's time at the start of its block, and the block.
static TIME: AtomicU64 = AtomicU64::new(0);
static CURRENT: AtomicPtr<Block> = AtomicPtr::new(ptr::null_mut());

impl Block {
    /// A block that begins at `start`.
    pub fn new(start: u64) -> Self {
        Self { start, end: start, before: vec![0], ..Self::default() }
    }

    /// Adds its next instruction; `previous` is the one before it.
    pub fn push(&mut self, code: &[u8], previous: Option<Kind>) -> Kind {
        let kind = thumb::decode(code);
        self.skewed |= self.count == 0 && code.len() == 4 && self.start % 4 == 2;
        self.count += 1;
        self.end += code.len() as u64;
        self.refill = match kind {
            Kind::Branch { is_direct: true, .. } => 1,
            Kind::Branch { .. } => 2,
            _ => 0,
        };
        self.before.push(self.cycles() + u64::from(cycles(kind, previous)));
        kind
    }

    /// Cycles of the first `ahead` instructions.
    pub fn cycles_before(&self, ahead: u64) -> u64 {
        usize::try_from(ahead).ok().and_then(|ahead| self.before.get(ahead)).copied().unwrap_or_else(|| self.cycles())
    }

    fn cycles(&self) -> u64 {
        self.before.last().copied().unwrap_or(0)
    }
}

/// The cycles of an instruction behind another.
fn cycles(kind: Kind, previous: Option<Kind>) -> u32 {
    // The destination of a load before, which makes the next access to memory one cycle shorter.
    let loaded = match previous {
        Some(Kind::Load { into, .. }) => Some(into),
        _ => None,
    };
    // What an instruction just computed reaches an address a cycle late.
    let late = |address: Registers| match previous {
        Some(Kind::Plain { into, .. }) => u32::from(into & address != 0),
        _ => 0,
    };
    let pipelined = |address: Registers| loaded.is_some_and(|into| into & address == 0);
    match kind {
        Kind::Plain { cycles, .. } | Kind::Branch { cycles, .. } => cycles,
        Kind::Load { address, .. } => 2 - u32::from(pipelined(address)) + late(address),
        Kind::Store { address, by_register } => 1 + u32::from(by_register && !pipelined(address)) + late(address),
        Kind::Multiple { words, address } => 1 + words + late(address),
    }
}

/// The core leaves its block for this one.
pub fn enter(block: &'static Block) {
    let left = CURRENT.swap(ptr::from_ref(block).cast_mut(), Relaxed);
    // SAFETY: null, or a block that lives for ever and that nobody changes.
    let Some(left) = (unsafe { left.as_ref() }) else { return };
    let refill = if left.end == block.start { 0 } else { left.refill + u64::from(left.refill > 0 && block.skewed) };
    TIME.fetch_add(left.cycles() + refill, Relaxed);
}

/// The time with `ahead` instructions of the core's block done.
pub fn now(ahead: u64) -> u64 {
    // SAFETY: as in `enter`.
    let block = unsafe { CURRENT.load(Relaxed).as_ref() };
    TIME.load(Relaxed) + block.map_or(0, |block| block.cycles_before(ahead))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(codes: &[u16]) -> u64 {
        let (mut block, mut previous) = (Block::new(0), None);
        for code in codes {
            previous = Some(block.push(&code.to_le_bytes(), previous));
        }
        block.cycles()
    }

    #[test]
    fn the_examples_of_the_manual() {
        assert_eq!(of(&[0x6808, 0x6811]), 3); // ldr r0, [r1]; ldr r1, [r2]
        assert_eq!(of(&[0x5888, 0x6158]), 3); // ldr r0, [r1, r2]; str r0, [r3, #20]
        assert_eq!(of(&[0x5888, 0x5099]), 3); // ldr r0, [r1, r2]; str r1, [r3, r2]
        assert_eq!(of(&[0x5948, 0x6811, 0x685a]), 4); // ldr r0, [r1, r5]; ldr r1, [r2]; ldr r2, [r3, #4]
        assert_eq!(of(&[0x6809, 0x6808]), 4); // ldr r1, [r1]; ldr r0, [r1]: the address is what was loaded
        assert_eq!(of(&[0x1889, 0x6808]), 4); // adds r1, r1, r2; ldr r0, [r1]: the address was just computed
    }
}
