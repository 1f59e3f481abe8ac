//! Scratch in fast memory: what kernels need for the time of a tile, in a memory of the core that runs it.
//!
//! The compiler puts it there where the board file says of a RAM how many bytes are for `scratch`; then a module has a room for each
//! core, in a section for the linker script. All instances of its `Model` have them in common, and one tile at a time, or one
//! inference of several cores: whoever comes in between, in an interrupt or on another core, is told ([`Error::ScratchInUse`]).

use crate::Error;
use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

/// The scratch of one core. Its bytes may be anything at first: memory that start-up code does not clear will do.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Room<const BYTES: usize>(UnsafeCell<[u8; BYTES]>);

// SAFETY: plain bytes, which only kernels reach.
unsafe impl<const BYTES: usize> Sync for Room<BYTES> {}

impl<const BYTES: usize> Room<BYTES> {
    /// A room that nobody has used yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(UnsafeCell::new([0; BYTES]))
    }
}

impl<const BYTES: usize> Default for Room<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

/// The scratch of all models of a module, in a room for each worker: implemented by what [`crate::scratch!`] defines.
pub trait Fast {
    /// Bytes of each room.
    const BYTES: usize;
    /// How many rooms there are.
    const WORKERS: usize;

    /// Whose it is.
    fn owner() -> &'static Owner;

    /// The room of a worker; that of the last for those behind it, of which there are none (`parallel!`).
    fn room(worker: u32) -> NonNull<u8>;
}

/// Which `Model` has the scratch: the address of its arena, or null where it is free.
#[derive(Debug)]
pub struct Owner(AtomicPtr<u8>);

impl Owner {
    /// Nobody has it.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Takes the scratch for the model with this arena, or for whom it is already: an inference of several cores that was dropped
    /// or forgotten leaves it to the next of the same model.
    ///
    /// # Errors
    /// [`Error::ScratchInUse`] where another has it.
    #[inline]
    pub fn take(&self, arena: NonNull<u8>) -> Result<(), Error> {
        let before = self.replace_null(arena.as_ptr());
        if before.is_null() || before == arena.as_ptr() { Ok(()) } else { Err(Error::ScratchInUse) }
    }

    /// Gives it back. For who has it, and has no tile under way.
    #[inline]
    pub fn give_back(&self) {
        // Pairs with Acquire in `replace_null`: what was done in it is done.
        self.0.store(null_mut(), Ordering::Release);
    }

    /// Writes the owner if there is none, and returns who it was.
    #[inline]
    fn replace_null(&self, owner: *mut u8) -> *mut u8 {
        #[cfg(target_has_atomic = "ptr")]
        return match self.0.compare_exchange(null_mut(), owner, Ordering::Acquire, Ordering::Acquire) {
            Ok(before) | Err(before) => before,
        };
        #[cfg(not(target_has_atomic = "ptr"))]
        critical_section::with(|_| {
            let before = self.0.load(Ordering::Acquire);
            if before.is_null() {
                self.0.store(owner, Ordering::Relaxed);
            }
            before
        })
    }
}

impl Default for Owner {
    fn default() -> Self {
        Self::new()
    }
}

/// Defines the scratch of a module in fast memory: a room of so many bytes for each core, in the section that is named for it.
#[doc(hidden)]
#[macro_export]
macro_rules! scratch {
    ($(#[$doc:meta])* struct $name:ident: $bytes:literal = [$($section:literal),+ $(,)?];) => {
        $(#[$doc])*
        #[derive(Debug)]
        struct $name;

        impl $crate::scratch::Fast for $name {
            const BYTES: usize = $bytes;
            const WORKERS: usize = [$($section),+].len();

            #[inline]
            fn owner() -> &'static $crate::scratch::Owner {
                // In a section of its own, so that no optimiser puts it before what is aligned to 16.
                #[cfg_attr(target_os = "none", unsafe(link_section = ".bss.ariel.owner"))]
                static OWNER: $crate::scratch::Owner = $crate::scratch::Owner::new();
                &OWNER
            }

            #[inline]
            fn room(worker: u32) -> ::core::ptr::NonNull<u8> {
                static ROOMS: [&$crate::scratch::Room<$bytes>; [$($section),+].len()] = [$({
                    #[cfg_attr(target_os = "none", unsafe(link_section = $section))]
                    static ROOM: $crate::scratch::Room<$bytes> = $crate::scratch::Room::new();
                    &ROOM
                }),+];
                $crate::scratch::nth(&ROOMS, worker)
            }
        }
    };
}

/// The first byte of the room of a worker.
#[doc(hidden)]
#[inline]
#[must_use]
pub fn nth<const BYTES: usize, const WORKERS: usize>(
    rooms: &'static [&'static Room<BYTES>; WORKERS],
    worker: u32,
) -> NonNull<u8> {
    let room = rooms[(worker as usize).min(const { WORKERS - 1 })];
    // SAFETY: made of a reference, which is not null.
    unsafe { NonNull::new_unchecked(room.0.get().cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Arena, Memory, Region};
    use std::thread;

    scratch! {
        /// Two cores.
        struct Scratch: 64 = [".one", ".two"];
    }

    #[test]
    fn it_is_one_models_at_a_time() {
        static OWN: Owner = Owner::new();
        let (mut one, mut other) = (Arena::<16>::new(), Arena::<16>::new());
        assert_eq!(OWN.take(one.base()), Ok(()));
        assert_eq!(OWN.take(other.base()), Err(Error::ScratchInUse));
        // A future that was dropped half-way gave nothing back.
        assert_eq!(OWN.take(one.base()), Ok(()));
        OWN.give_back();
        assert_eq!(OWN.take(other.base()), Ok(()));
        OWN.give_back();
    }

    #[test]
    fn of_several_threads_one_has_it() {
        static OWN: Owner = Owner::new();
        let rounds = if cfg!(miri) { 20 } else { 2000 };
        let mut arenas: [Arena<16>; 3] = Default::default();
        let done: u32 = thread::scope(|scope| {
            let threads: Vec<_> = arenas
                .iter_mut()
                .map(|arena| {
                    scope.spawn(move || {
                        let (base, mut done) = (arena.base(), 0);
                        for round in 0..rounds {
                            if OWN.take(base).is_err() {
                                continue;
                            }
                            // SAFETY: taken, and given back behind the last use.
                            unsafe {
                                let memory = Memory::of_worker(base, 0).with_fast(Scratch::room(0));
                                let place = memory.scratch::<u32>(Region::fast(4, 8));
                                place.write(round);
                                thread::yield_now();
                                assert_eq!(place.read(), round);
                            }
                            OWN.give_back();
                            done += 1;
                        }
                        done
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(done >= rounds);
    }

    #[test]
    fn each_worker_has_its_own_room() {
        let mut arena = Arena::<64>::new();
        let region = Region::fast(32, 32);
        region.check_scratch::<i32>(64, 8);
        for worker in 0..2 {
            // SAFETY: the arena is the test's, as is the scratch; the region lies inside.
            unsafe {
                let memory = Memory::of_worker(arena.base(), worker).with_fast(Scratch::room(worker));
                assert_eq!(memory.scratch::<u8>(region), Scratch::room(worker).as_ptr().add(32));
                let part = memory.scratch::<u8>(Region::new(16, 24));
                assert_eq!(part, arena.base().as_ptr().add(16 + 32 * worker as usize));
            }
        }
        assert_ne!(Scratch::room(0), Scratch::room(1));
    }

    #[test]
    #[should_panic = "region too small"]
    fn what_is_too_small_is_refused() {
        Region::fast(0, 32).check_room::<i32>(1024, 9);
    }

    #[test]
    #[should_panic = "region outside the arena"]
    fn no_operand_is_there() {
        Region::fast(0, 32).check::<i32>(1024, 8);
    }

    #[test]
    #[should_panic = "scratch outside the fast memory"]
    fn what_is_behind_the_room_is_refused() {
        crate::plan::Work::of(1).with_scratch(Region::fast(16, 32)).check_fast(32);
    }
}
