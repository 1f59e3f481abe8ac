//! Runs all cases of many models on the host: `<folder>/<model>.in` to `<folder>/<model>.out`.
mod probe;

use probe::{HEAD, probe};
use std::fs;
use std::path::Path;

include!("models.rs");
include!("each_model.rs");

/// Bytes around the arena that no tile may touch.
const GUARD: usize = 64;

#[derive(Clone, Copy)]
#[repr(align(16))]
struct Line([u8; 16]);

/// Memory that is aligned as an arena is.
struct Memory(Vec<Line>);

impl Memory {
    fn new(bytes: usize) -> Self {
        Self(vec![Line([0; 16]); (bytes + 2 * GUARD).div_ceil(16)])
    }

    fn bytes(&mut self) -> &mut [u8] {
        self.0.as_flattened_mut_bytes()
    }
}

trait Flatten {
    fn as_flattened_mut_bytes(&mut self) -> &mut [u8];
}

impl Flatten for Vec<Line> {
    fn as_flattened_mut_bytes(&mut self) -> &mut [u8] {
        // SAFETY: lines are 16 bytes without padding.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), self.len() * 16) }
    }
}

type Tile = unsafe fn(core::ptr::NonNull<u8>, u32, usize, u32, u32);

fn run(name: &str, arena_bytes: usize, tile: Tile) {
    let folder = std::env::args_os().nth(1).unwrap();
    let folder = Path::new(&folder);
    let Ok(input) = fs::read(folder.join(format!("{name}.in"))) else { return };
    let words: Vec<u32> = input.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
    let (mut first, mut second, mut mask) = (Memory::new(arena_bytes), Memory::new(arena_bytes), Memory::new(arena_bytes));
    let mut verdicts = Vec::new();
    let mut at = 0;
    while at < words.len() {
        // Offsets of the blocks count from the guard on.
        let length = HEAD + 4 * (words[at + 6] + words[at + 7] + words[at + 8]) as usize;
        let mut run = |memory: *mut u8, worker: u32, step: usize, start: u32, end: u32| {
            // SAFETY: the memory is as large as the arena and a guard on both sides, and the case's tile is one of the step.
            unsafe { tile(core::ptr::NonNull::new_unchecked(memory.add(GUARD)), worker, step, start, end) };
        };
        let verdict = probe(&words[at..at + length], first.bytes(), second.bytes(), mask.bytes(), &mut run);
        verdicts.extend(verdict.iter().flat_map(|word| word.to_le_bytes()));
        at += length;
    }
    fs::write(folder.join(format!("{name}.out")), verdicts).unwrap();
}

macro_rules! run_all {
    ($($name:ident)*) => {{ $(
        run(stringify!($name), $name::ARENA_BYTES, $name::tile_alone);
    )* }};
}

fn main() {
    each_model!(run_all);
}
