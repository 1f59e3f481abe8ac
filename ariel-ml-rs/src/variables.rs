//! Variables that several models of one file have in common: what one has computed, another goes on with.
//!
//! The signatures of a TFLite file may read and assign the same variables. Each becomes a model with memory of its own; before one
//! goes on where another left off, it takes over what that holds:
//!
//! ```ignore
//! let scores = encoder.infer(&frame)?;
//! decoder.take_variables(&mut encoder);
//! let word = decoder.infer(&token)?;
//! ```

use crate::memory::Region;
use core::mem::MaybeUninit;

/// A variable: a number that stands for its name in the file, and where a model has it between two inferences.
pub type Variable = (u64, Region);

/// A generated model that has variables in common with others.
pub trait Variables {
    /// Each variable that the model has.
    const NUMBERED: &'static [Variable];

    /// Gives the states their initial values, where there was no inference yet.
    fn begin(&mut self);

    /// Copies what a region of the arena holds.
    fn read(&self, region: Region, target: &mut [MaybeUninit<u8>]);

    /// Writes a region of the arena.
    fn write(&mut self, region: Region, source: &[MaybeUninit<u8>]);
}

/// Bytes that are copied at a time.
const CHUNK: u32 = 64;

/// Gives `to` what `from` holds in all variables that both have; the others stay.
///
/// That there is one, and that it has one size in both, is checked while the firmware compiles.
pub fn take<A: Variables, B: Variables>(to: &mut A, from: &mut B) {
    const { assert!(in_common(A::NUMBERED, B::NUMBERED) > 0, "the models have no variable in common") };
    to.begin();
    from.begin();
    let mut chunk = [MaybeUninit::uninit(); CHUNK as usize];
    for (number, target) in A::NUMBERED {
        for (_, source) in B::NUMBERED.iter().filter(|(other, _)| other == number) {
            let mut done = 0;
            while done < target.bytes {
                let size = CHUNK.min(target.bytes - done);
                let part = chunk.get_mut(..size as usize).unwrap_or_default();
                from.read(Region::new(source.offset.saturating_add(done), size), part);
                to.write(Region::new(target.offset.saturating_add(done), size), part);
                done += size;
            }
        }
    }
}

/// Counts the variables that two models have in common.
///
/// # Panics
/// Where one has another size in the other model: evaluated in a constant, this is a compile error.
const fn in_common(left: &[Variable], right: &[Variable]) -> usize {
    let (mut count, mut k) = (0, 0);
    while k < left.len() {
        let mut j = 0;
        while j < right.len() {
            if left[k].0 == right[j].0 {
                assert!(left[k].1.bytes == right[j].1.bytes, "a variable has another size in the other model");
                count += 1;
            }
            j += 1;
        }
        k += 1;
    }
    count
}

/// Lets a generated `Model` take over variables of others, and give its own: number, place and size of each.
#[doc(hidden)]
#[macro_export]
macro_rules! variables {
    ($(($number:literal, $offset:literal, $size:literal)),* $(,)?) => {
        const _: () = {
            $($crate::memory::Region::new($offset, $size).check::<u8>(Model::ARENA_SIZE, 0);)*
        };

        impl Model {
            /// Takes over what another model holds in the variables that both have. It costs a copy of them.
            pub fn take_variables(&mut self, other: &mut impl $crate::variables::Variables) {
                $crate::variables::take(self, other);
            }
        }

        impl $crate::variables::Variables for Model {
            const NUMBERED: &'static [$crate::variables::Variable] =
                &[$(($number, $crate::memory::Region::new($offset, $size))),*];

            fn begin(&mut self) {
                if self.ready.contains(&false) {
                    self.reset();
                }
            }

            fn read(&self, region: $crate::memory::Region, target: &mut [::core::mem::MaybeUninit<u8>]) {
                self.arena.read(region, target);
            }

            fn write(&mut self, region: $crate::memory::Region, source: &[::core::mem::MaybeUninit<u8>]) {
                self.arena.write(region, source);
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Memory<const FIRST: u32>([u8; 160], bool);

    impl<const FIRST: u32> Variables for Memory<FIRST> {
        const NUMBERED: &'static [Variable] = &[(1, Region::new(FIRST, 70)), (2, Region::new(80, FIRST + 4))];

        fn begin(&mut self) {
            if !self.1 {
                *self = Self([9; 160], true);
            }
        }

        fn read(&self, region: Region, target: &mut [MaybeUninit<u8>]) {
            for (index, to) in target.iter_mut().enumerate() {
                *to = MaybeUninit::new(self.0[region.offset as usize + index]);
            }
        }

        fn write(&mut self, region: Region, source: &[MaybeUninit<u8>]) {
            for (index, from) in source.iter().enumerate() {
                // SAFETY: the test writes what it has read.
                self.0[region.offset as usize + index] = unsafe { from.assume_init() };
            }
        }
    }

    struct Other(Memory<8>);

    impl Variables for Other {
        const NUMBERED: &'static [Variable] = &[(3, Region::new(0, 4)), (1, Region::new(8, 70))];

        fn begin(&mut self) {
            self.0.begin();
        }

        fn read(&self, region: Region, target: &mut [MaybeUninit<u8>]) {
            self.0.read(region, target);
        }

        fn write(&mut self, region: Region, source: &[MaybeUninit<u8>]) {
            self.0.write(region, source);
        }
    }

    #[test]
    fn what_both_have_is_taken_and_nothing_else() {
        let mut to = Memory::<2>([0; 160], true);
        let mut bytes = [0; 160];
        bytes.iter_mut().zip(0..).for_each(|(byte, number)| *byte = number);
        take(&mut to, &mut Other(Memory(bytes, true)));
        assert_eq!(to.0[2..72], bytes[8..78]);
        assert!(to.0[..2].iter().chain(&to.0[72..]).all(|&byte| byte == 0));
    }

    #[test]
    fn what_never_ran_holds_its_initial_values() {
        let mut to = Memory::<2>([0; 160], false);
        take(&mut to, &mut Other(Memory([0; 160], false)));
        assert_eq!(to.0, [9; 160]);
    }
}
