//! The loop over the samples, the same on every board.

use crate::platform::{self, File, Mode, Status, stack};
use ariel_ml_rs::{Infer, Tensor};

/// Bytes of the header of `in.bin`.
const HEADER: usize = 8;

/// Runs the model on every sample of `in.bin`.
pub fn serve<M: Infer>(model: &mut M, input: &mut M::Input) -> Result<(), Status> {
    let mut source = File::open(c"in.bin", Mode::Read).ok_or(Status::NoInput)?;
    let mut sink = File::open(c"out.bin", Mode::Write).ok_or(Status::NoOutput)?;
    let samples = word(&mut source)?;
    let sample_bytes = word(&mut source)?;
    if samples > 0 && sample_bytes as usize != (0..M::Input::PARTS).map(|part| input.part(part).len()).sum::<usize>() {
        return Err(Status::WrongSize);
    }
    let mut sizes = Sizes::open()?;
    let mut deepest = 0;
    #[cfg(all(feature = "multicore", not(feature = "baseline")))]
    let mut before = crate::pool::stats();
    // Sample 0 comes twice: its first inference warms up, and is neither written nor, by our reader, counted.
    let rounds = if samples == 0 { 0 } else { samples + 1 };
    for round in 0..rounds {
        let warm_up = round == 0;
        if round == 1 {
            source.seek(HEADER);
            if let Some(sizes) = &mut sizes {
                sizes.file.seek(4);
            }
            model.reset();
            #[cfg(all(feature = "multicore", not(feature = "baseline")))]
            {
                before = crate::pool::stats();
            }
        }
        for part in 0..M::Input::PARTS {
            source.read(input.part_mut(part)).ok_or(Status::NoInput)?;
        }
        if let Some(sizes) = &mut sizes {
            let said = sizes.next()?;
            model.resize(said).map_err(|_| Status::Refused)?;
        }
        let painted = stack::paint();
        let answer = infer(model, input);
        let depth = painted.depth();
        let Ok(output) = answer else { return Err(Status::Refused) };
        let depth = depth.ok_or(Status::StackOverflow)?;
        deepest = deepest.max(depth);
        if warm_up {
            continue;
        }
        for part in 0..M::Output::PARTS {
            sink.write(output.part(part)).ok_or(Status::NoOutput)?;
        }
    }
    let mut facts = File::open(c"stack.bin", Mode::Write).ok_or(Status::NoOutput)?;
    facts.write(&deepest.to_le_bytes()).ok_or(Status::NoOutput)?;
    #[cfg(feature = "multicore")]
    for worker in 1..platform::CORES {
        // The stack of another image is its own.
        let depth = if cfg!(feature = "images") { Some(u32::MAX) } else { stack::worker_depth(worker) };
        let depth = depth.ok_or(Status::StackOverflow)?;
        facts.write(&depth.to_le_bytes()).ok_or(Status::NoOutput)?;
    }
    #[cfg(all(feature = "multicore", not(feature = "baseline")))]
    write_pool(&before)?;
    Ok(())
}

/// Bounded dimensions that a model has at most.
const MOST_SIZES: usize = 8;

/// How much there is of each bounded dimension, sample by sample.
struct Sizes {
    file: File,
    count: usize,
    said: [usize; MOST_SIZES],
}

impl Sizes {
    /// Those of `sizes.bin`, if there is one.
    fn open() -> Result<Option<Self>, Status> {
        let Some(mut file) = File::open(c"sizes.bin", Mode::Read) else { return Ok(None) };
        let count = word(&mut file)? as usize;
        if count > MOST_SIZES {
            return Err(Status::WrongSize);
        }
        Ok(Some(Self { file, count, said: [0; MOST_SIZES] }))
    }

    /// The sizes of the next sample.
    fn next(&mut self) -> Result<&[usize], Status> {
        for said in self.said.iter_mut().take(self.count) {
            *said = word(&mut self.file)? as usize;
        }
        Ok(self.said.get(..self.count).unwrap_or_default())
    }
}

/// Writes what each core did for the model since `before`.
#[cfg(all(feature = "multicore", not(feature = "baseline")))]
fn write_pool(before: &[ariel_ml_rs::pool::Stats]) -> Result<(), Status> {
    let mut file = File::open(c"pool.bin", Mode::Write).ok_or(Status::NoOutput)?;
    for (now, before) in crate::pool::stats().iter().zip(before) {
        let counts = [(now.units, before.units), (now.steals, before.steals), (now.sleeps, before.sleeps)];
        for (now, before) in counts {
            file.write(&now.wrapping_sub(before).to_le_bytes()).ok_or(Status::NoOutput)?;
        }
    }
    Ok(())
}

/// One inference between the markers. Not inlined, so that its stack lies below that of the loop.
#[inline(never)]
fn infer<'m, M: Infer>(model: &'m mut M, input: &M::Input) -> Result<&'m M::Output, ariel_ml_rs::Error> {
    platform::start();
    let answer = model.infer(input);
    platform::stop();
    answer
}

/// The next four bytes of `source` as a number.
fn word(source: &mut File) -> Result<u32, Status> {
    let mut bytes = [0; 4];
    source.read(&mut bytes).ok_or(Status::NoInput)?;
    Ok(u32::from_le_bytes(bytes))
}
