//! Cores that run programs of their own: two images that share a pool's seats, a model's room and its arena.
//!
//! Each image is a crate with the same model, options and board, and `image = ".."` for its core. The compiler makes the same plan
//! for both, with the kernels of the core that each is for, and writes the plan's digest into both modules. What they share is where
//! both linker scripts have `_ariel_shared`, to `_ariel_shared_end`: one address in both, into which nothing is loaded.
//!
//! ```text
//!  _ariel_shared   Header   layout, digest of the plan, state         read by a helper before anything else
//!                  Seats    posts, a place for each helper            outlive a reset of the leader
//!                  Shared   for each model: its room, its arena       cleared when the leader begins
//! ```
//!
//! Addresses of data mean the same to both images, those of code do not: so posts and seats hold names of jobs, by which each
//! image finds its own ([`Job::name`]), with its own kernels. A name has bits of the plan's digest: one of another plan is nobody's
//! job, also for a helper that looks while the leader of another plan begins.
//!
//! Either core may be reset at any time: [`super::lost`](mod@super) tells of helpers. A leader that begins takes down what is
//! posted, waits until helpers have left the unit that they are at, or have come back from a reset themselves, and clears all but
//! the seats; the helpers wait for it where they are.

use super::job::Job;
use super::parallel::Parallel;
use super::shared::Pool;
use crate::Error;
use crate::once::Once;
use core::cell::UnsafeCell;
use core::fmt;
use core::hint::spin_loop;
use core::mem::{MaybeUninit, size_of};
use core::sync::atomic::{AtomicU32, Ordering, fence};

/// The state of a block that helpers may trust; any other is none.
const READY: u32 = 0x6f4d_1e85;

/// What stands first in the block: words that memory which nobody has written yet does not have by chance.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Header {
    layout: AtomicU32,
    plan: [AtomicU32; 2],
    state: AtomicU32,
}

impl Header {
    /// Whether a leader is at work: what it wrote before is then seen.
    fn is_ready(&self) -> bool {
        // Acquire pairs with Release in `Images::lead`.
        self.state.load(Ordering::Acquire) == READY
    }

    /// The digest of the leader's plan.
    fn plan(&self) -> u64 {
        let [low, high] = self.plan.each_ref().map(|word| u64::from(word.load(Ordering::Relaxed)));
        low | high << 32
    }
}

/// What the images share of one model: its room, and itself. All bytes zero are a room where nothing waits, and a model at rest.
#[derive(Debug)]
#[repr(C)]
pub struct Shared<M: Parallel> {
    /// Where its units wait.
    pub room: M::Room,
    model: UnsafeCell<MaybeUninit<M>>,
}

// SAFETY: the room is made of atomics (`Parallel::Room`); the model is reached by who has `Shared::model`, which says so.
unsafe impl<M: Parallel> Sync for Shared<M> {}

impl<M: Parallel> Shared<M> {
    /// The model.
    ///
    /// # Safety
    /// The bytes were zero, which is `Model::new()`, or a model's since then; nobody else has it.
    #[expect(clippy::mut_from_ref, reason = "as the caller promises")]
    pub const unsafe fn model(&'static self) -> &'static mut M {
        // SAFETY: as the caller promises.
        unsafe { (*self.model.get()).assume_init_mut() }
    }
}

/// A part of the block: whole words, for which zeros are the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    at: *const AtomicU32,
    words: usize,
}

// SAFETY: an address; what is done there is for `Images` to say.
unsafe impl Sync for Span {}

impl Span {
    /// The part of this type at this place.
    #[must_use]
    pub const fn of<T>(at: *const T) -> Self {
        const { assert!(align_of::<T>() >= align_of::<AtomicU32>() && size_of::<T>().is_multiple_of(4), "no whole words") };
        Self { at: at.cast(), words: size_of::<T>() / 4 }
    }

    /// Writes zeros, word by word and atomically, since helpers that look whether there is work may be reading.
    ///
    /// # Safety
    /// The part is a static's with interior mutability, any bytes of which may become zero.
    unsafe fn clear(self) {
        for word in 0..self.words {
            // SAFETY: inside the part (`of`), and as the caller promises.
            unsafe { (*self.at.add(word)).store(0, Ordering::Relaxed) };
        }
    }
}

/// Why an image does not help.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The leader computes another plan: a unit of it would read and write anywhere.
    OtherPlan {
        /// The digest of this image.
        ours: u64,
        /// That of the leader.
        theirs: u64,
    },
    /// The leader's block is of another order: another `ariel-ml-rs`, other features, or other models.
    OtherLayout {
        /// What this image calls its order.
        ours: u32,
        /// What the leader calls its.
        theirs: u32,
    },
    /// This image is that helper already.
    Taken,
    /// The pool has no helper of this number: the first is 1.
    NoSuchHelper,
    /// The linker script has too few bytes for what the images share.
    NoSharedRoom,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherPlan { ours, theirs } => write!(
                f,
                "the plan of this image is {ours:016x}, that of the leader {theirs:016x}: compile both of the same model, \
                 options and board, with the same ariel-build, and flash both"
            ),
            Self::OtherLayout { ours, theirs } => write!(
                f,
                "the shared block of this image is {ours:08x}, that of the leader {theirs:08x}: build both with the same \
                 ariel-ml-rs, features and models, and flash both"
            ),
            Self::Taken => f.write_str("this image is that helper already"),
            Self::NoSharedRoom => fmt::Display::fmt(&Error::NoSharedRoom, f),
            Self::NoSuchHelper => f.write_str("the pool has no helper of this number: the first is 1"),
        }
    }
}

impl core::error::Error for Refused {}

/// What [`crate::images!`] gives each image: the block, its pool, and how to begin as the leader or as a helper.
#[derive(Debug)]
pub struct Images {
    header: &'static Header,
    seats: Span,
    contents: &'static [Span],
    pool: &'static Pool,
    end: *const u8,
    bytes: usize,
    plan: u64,
    layout: u32,
    begun: Once,
}

// SAFETY: `end` is an address that is compared with others.
unsafe impl Sync for Images {}

impl Images {
    /// The block of these parts.
    ///
    /// # Safety
    /// The parts are those of one static at `_ariel_shared`, of these bytes: header, seats and [`Shared`]s; `end` is where the linker
    /// script ends it. The pool has these seats, and jobs with
    /// these rooms, named with `plan`; `plan` and `layout` are what [`plan`] and [`layout`] say of them.
    #[must_use]
    pub const unsafe fn new(
        header: &'static Header,
        seats: Span,
        contents: &'static [Span],
        pool: &'static Pool,
        (end, bytes): (*const u8, usize),
        (plan, layout): (u64, u32),
    ) -> Self {
        Self { header, seats, contents, pool, end, bytes, plan, layout, begun: Once::new() }
    }

    /// The pool of this image.
    #[must_use]
    pub const fn pool(&self) -> &'static Pool {
        self.pool
    }

    /// Whether the block fits where the linker script has it.
    fn has_room(&self) -> bool {
        let start = core::ptr::from_ref(self.header);
        start.is_aligned() && self.end.addr().saturating_sub(start.addr()) >= self.bytes
    }

    /// Begins as the leader: `start` is called for each helper, whose core then has to run if it does not yet.
    ///
    /// Returns when no helper is at what the leader's life before a reset began: after a unit, where helpers run, and where they
    /// were reset as well as soon as they have come to [`Images::help`]. From then on the block is the leader's.
    ///
    /// # Errors
    /// [`Error::NoSharedRoom`] where the linker script has too few bytes for the block; [`Error::AlreadyWired`] from the second time
    /// on.
    pub fn lead(&'static self, start: impl Fn(usize)) -> Result<(), Error> {
        if !self.has_room() {
            return Err(Error::NoSharedRoom);
        }
        if !self.begun.take() {
            return Err(Error::AlreadyWired);
        }
        self.header.state.store(0, Ordering::Relaxed);
        // What helpers do from here on they do without a leader, or with the next.
        fence(Ordering::SeqCst);
        if self.header.layout.load(Ordering::Relaxed) != self.layout {
            // SAFETY: parts of the static (`new`). No helper trusts the seats of another layout, or of none.
            unsafe { self.seats.clear() };
        }
        // Release pairs with Acquire in `help`: a helper which was reset says so in its seat, and the leader waits for that below.
        self.header.layout.store(self.layout, Ordering::Release);
        for worker in 1..=self.pool.places().len() {
            start(worker);
        }
        while !self.pool.vacate() {
            spin_loop();
        }
        for part in self.contents {
            // SAFETY: parts of the static (`new`), in which no helper is any more (`vacate`); one that looks whether something waits
            // reads atomics.
            unsafe { part.clear() };
        }
        for (word, half) in self.header.plan.iter().zip([self.plan, self.plan >> 32]) {
            word.store(half as u32, Ordering::Relaxed);
        }
        self.pool.readmit_all();
        // Release pairs with Acquire in `is_ready`.
        self.header.state.store(READY, Ordering::Release);
        self.pool.rouse_all();
        Ok(())
    }

    /// Is helper `worker`, for ever: waits for the leader, works, and waits again where that is reset. Returns why not.
    ///
    /// # Safety
    /// Only the image of that helper calls it, and after a reset of its core nothing of its life before runs any more, not even a
    /// DMA that it began.
    pub unsafe fn help(&'static self, worker: usize) -> Refused {
        if worker == 0 || worker > self.pool.places().len() {
            return Refused::NoSuchHelper;
        }
        if !self.has_room() {
            return Refused::NoSharedRoom;
        }
        if !self.begun.take() {
            return Refused::Taken;
        }
        let mut seat = None;
        loop {
            // Before the layout: what a leader that is ready says of it stays.
            let is_ready = self.header.is_ready();
            // Acquire pairs with Release in `lead`.
            let theirs = self.header.layout.load(Ordering::Acquire);
            if theirs != self.layout {
                if is_ready {
                    return Refused::OtherLayout { ours: self.layout, theirs };
                }
                spin_loop();
                continue;
            }
            let is_ours = is_ready && self.header.plan() == self.plan;
            if seat.is_none() {
                // SAFETY: as the caller promises; where the block is ready for this plan, its rooms are initialised.
                seat = unsafe { self.pool.resume(worker, is_ours) };
            }
            if is_ready && !is_ours {
                return Refused::OtherPlan { ours: self.plan, theirs: self.header.plan() };
            }
            if let Some(seat) = seat.as_mut().filter(|_| is_ours) {
                seat.work_until(|| !self.header.is_ready());
            }
            spin_loop();
        }
    }
}

/// One word for the order of a block of `bytes` with so many helpers, by this version of the crate with its features.
#[must_use]
pub const fn layout(bytes: usize, helpers: usize) -> u32 {
    let counts = cfg!(feature = "pool-stats") as u64;
    let sum = mixed(mixed(mixed(text(crate::VERSION), bytes as u64), helpers as u64), counts);
    // Memory that was never written is often all zeros or all ones.
    (sum >> 32) as u32 ^ sum as u32 | 1
}

/// The digest of the plans of several models.
///
/// # Panics
/// Where a module has none: evaluated in a constant, this is a compile error.
#[must_use]
pub const fn plan(plans: &[u64]) -> u64 {
    let (mut sum, mut index) = (text("plans"), 0);
    while index < plans.len() {
        assert!(plans[index] != 0, "a model that was not compiled for images: write `image = \"..\"` in Cargo.toml");
        sum = mixed(sum, plans[index]);
        index += 1;
    }
    sum
}

/// FNV-1a of the bytes of a text, from its basis on (RFC 9923).
const fn text(text: &str) -> u64 {
    let (mut sum, mut index) = (0xcbf2_9ce4_8422_2325, 0);
    while index < text.len() {
        sum = mixed_byte(sum, text.as_bytes()[index]);
        index += 1;
    }
    sum
}

const fn mixed(sum: u64, word: u64) -> u64 {
    let (mut sum, mut index) = (sum, 0);
    while index < 8 {
        sum = mixed_byte(sum, word.to_le_bytes()[index]);
        index += 1;
    }
    sum
}

const fn mixed_byte(sum: u64, byte: u8) -> u64 {
    (sum ^ byte as u64).wrapping_mul(0x0100_0000_01b3)
}

impl Pool {
    /// The same pool, whose helpers are other images: posts and seats hold the names of these jobs.
    ///
    /// # Safety
    /// Every image has a job of the same graph and room for each name, and no job is used with another pool.
    #[doc(hidden)]
    #[must_use]
    pub const unsafe fn of_images(self, jobs: &'static [Job]) -> Self {
        assert!(!jobs.is_empty(), "images without a model");
        self.with_jobs(jobs)
    }
}

impl Job {
    /// The same job under the name that every image has for it: its `index`, and bits of the plan's digest.
    #[doc(hidden)]
    #[must_use]
    pub const fn of_images(self, plan: u64, index: usize) -> Self {
        assert!(index < 0xff, "at most 255 models");
        self.named(plan as usize & 0xffff_ff00 | (index + 1))
    }
}

/// Asks for `'static` data, and nothing else of a model: `images!` hands the handle out.
#[doc(hidden)]
pub const fn job(jobs: &'static [Job], index: usize) -> &'static Job {
    &jobs[index]
}

/// Declares what the images of a chip share: models, and the pool of their cores. The same words stand in each image.
///
/// ```ignore
/// ariel_ml_rs::include_models!();
/// ariel_ml_rs::images! {
///     /// The models that both cores compute.
///     struct Models { digits: digits }
///     helpers 1, park &PARK
/// }
///
/// // The image of core 0; `start` makes the helper's core run, where nobody else does.
/// let Models { mut digits } = Models::lead(start)?;
/// let scores = digits.infer(&input)?;
///
/// // The image of core 1.
/// // SAFETY: this is the image of helper 1.
/// let refused = unsafe { Models::help(1) };
/// ```
///
/// Both linker scripts name the RAM that the images share, in which nothing else lies, such as in `memory.x`:
///
/// ```text
/// _ariel_shared = 0x30000000;
/// _ariel_shared_end = 0x30020000;
/// ```
#[macro_export]
macro_rules! images {
    (
        $(#[$doc:meta])* $vis:vis struct $name:ident { $($field:ident: $($module:ident)::+),+ $(,)? }
        helpers $helpers:literal, park $park:expr $(,)?
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        $vis struct $name {
            $(
                #[doc = concat!("The model `", stringify!($($module)::+), "`.")]
                $vis $field: $crate::pool::WiredPool<$($module)::+::Model>,
            )+
        }

        const _: () = {
            /// What all images see at the same address.
            #[repr(C)]
            struct Block {
                header: $crate::pool::Header,
                seats: $crate::pool::Seats<$helpers>,
                $($field: $crate::pool::Shared<$($module)::+::Model>,)+
            }

            // SAFETY: a place and not a symbol of code; who uses it says why that is sound.
            unsafe extern "C" {
                /// The linker script says where it is, and that nothing else is there: the same address in all images. Nobody loads
                /// anything into it: before the leader has cleared it, nothing but the words of its header is looked at.
                #[link_name = "_ariel_shared"]
                #[allow(improper_ctypes, reason = "what is there is Rust's in all images")]
                static BLOCK: Block;
                /// Its end.
                #[link_name = "_ariel_shared_end"]
                static END: u8;
            }

            const PLAN: u64 = $crate::pool::plan(&[$(<$($module)::+::Model as $crate::pool::Parallel>::PLAN),+]);

            static JOBS: &[$crate::pool::Job] = &{
                let mut index = 0;
                let jobs = [$({
                    index += 1;
                    // SAFETY: the room is visible here only, and at the same place in all images; `Parallel` promises that `unit` is
                    // sound from any core.
                    unsafe {
                        $crate::pool::Job::new(
                            <$($module)::+::Model as $crate::pool::Parallel>::GRAPH,
                            // Only its address is taken here, as that of other parts below.
                            &BLOCK.$field.room,
                            <$($module)::+::Model as $crate::pool::Parallel>::unit,
                        )
                        .following(<$($module)::+::Model as $crate::pool::Parallel>::FOLLOW)
                        .of_images(PLAN, index - 1)
                    }
                }),+];
                jobs
            };

            // SAFETY: the seats are visible here only, and other images have the same pool: the same plan, and so the same graphs.
            static POOL: $crate::pool::Pool =
                unsafe { $crate::pool::Pool::new(&BLOCK.seats, $park).of_images(JOBS) };

            // SAFETY: addresses.
            static CONTENTS: &[$crate::pool::Span] = unsafe { &[$($crate::pool::Span::of(&raw const BLOCK.$field)),+] };

            // SAFETY: the parts of one static, and the pool of its seats and rooms.
            static IMAGES: $crate::pool::Images = unsafe {
                $crate::pool::Images::new(
                    &BLOCK.header,
                    $crate::pool::Span::of(&raw const BLOCK.seats),
                    CONTENTS,
                    &POOL,
                    (&raw const END, ::core::mem::size_of::<Block>()),
                    (PLAN, $crate::pool::layout(::core::mem::size_of::<Block>(), $helpers)),
                )
            };

            impl $name {
                /// The digest of the plan of this image; all have to have the same.
                #[allow(dead_code, reason = "for who wants to print it")]
                $vis const PLAN: u64 = PLAN;

                /// Begins as the leader, and hands the models out: as `ariel_ml_rs::pool::Images::lead`.
                #[allow(dead_code, reason = "the image of a helper does not lead")]
                $vis fn lead(start: impl Fn(usize)) -> ::core::result::Result<Self, $crate::Error> {
                    IMAGES.lead(start)?;
                    let mut index = 0;
                    ::core::result::Result::Ok(Self {
                        $($field: {
                            index += 1;
                            // SAFETY: `lead` cleared the model, and succeeds once in the leader's life; the job is of this model's parts.
                            unsafe {
                                $crate::pool::WiredPool::new(BLOCK.$field.model(), &POOL, $crate::pool::job(JOBS, index - 1))
                            }
                        },)+
                    })
                }

                /// Is helper `worker` for ever: as `ariel_ml_rs::pool::Images::help`.
                ///
                /// # Safety
                /// That of `ariel_ml_rs::pool::Images::help`.
                #[allow(dead_code, reason = "the image of the leader does not help")]
                $vis unsafe fn help(worker: usize) -> $crate::pool::Refused {
                    // SAFETY: forwarded to the caller.
                    unsafe { IMAGES.help(worker) }
                }

                /// What `worker` did.
                #[allow(dead_code, reason = "for who wants to print it")]
                $vis fn stats(worker: usize) -> $crate::pool::Stats {
                    POOL.stats(worker)
                }
            }
        };
    };
}
