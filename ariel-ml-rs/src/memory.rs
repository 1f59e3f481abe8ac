//! The arena of a model, its regions, and the views through which kernels reach them.
//!
//! The compiler plans every region at build time and an independent checker proves the plan
//! (`ariel_build/memory/check.py`). The SAFETY comments of the kernels cite its invariants:
//!
//! 1. every region lies inside the arena, or that of scratch in fast memory ([`crate::scratch`]), and starts at a multiple of 16;
//! 2. regions that are live at the same time do not overlap, but for the declared in-place pairs;
//! 3. every byte is written before it is read, and still holds what was written.
//!
//! Views are raw pointers with a shape, never `&mut [T]` of a whole buffer: tiles of one operator write to one output
//! from several cores, and an operator that works in place reads the region that it writes.

use core::fmt;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, align_of, size_of};
use core::ptr::NonNull;

/// Elements that a region may hold: any bit pattern is a value, none has padding.
///
/// # Safety
/// Implementors are plain data of at most 16 bytes alignment.
pub unsafe trait Element: Copy + Send + Sync + 'static {}

macro_rules! elements {
    ($($t:ty),*) => { $(
        // SAFETY: a primitive number: every bit pattern is valid and there is no padding.
        unsafe impl Element for $t {}
    )* };
}
elements!(i8, u8, i16, u16, i32, u32, i64, u64, f32, f64);

/// Bytes `offset .. offset + bytes` of the arena; of scratch in fast memory, where the offset is [`Region::FAST`] or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Offset from the start of the arena, in bytes; or [`Region::FAST`] more than that from the start of the fast memory.
    pub offset: u32,
    /// Size in bytes.
    pub bytes: u32,
}

impl Region {
    /// The region of `bytes` bytes at `offset`.
    #[must_use]
    pub const fn new(offset: u32, bytes: u32) -> Self {
        Self { offset, bytes }
    }

    /// The first offset in fast memory: behind all that an arena has.
    pub const FAST: u32 = 1 << 31;

    /// Scratch of `bytes` bytes at `offset` of the fast memory of the core that runs the tile.
    #[must_use]
    pub const fn fast(offset: u32, bytes: u32) -> Self {
        Self { offset: offset.saturating_add(Self::FAST), bytes }
    }

    /// Whether it is scratch in fast memory.
    #[inline]
    #[must_use]
    pub const fn is_fast(&self) -> bool {
        self.offset >= Self::FAST
    }

    /// Checks at build time that the region lies inside the arena and is aligned for `T`, and holds `elements` of them.
    ///
    /// # Panics
    /// Where it does not: evaluated in a constant, this is a compile error.
    #[inline]
    pub const fn check<T: Element>(&self, arena_bytes: usize, elements: usize) {
        // Saturating, as all arithmetic of checks: a `const fn` of a release build wraps without a word.
        let end = (self.offset as usize).saturating_add(self.bytes as usize);
        assert!(end <= arena_bytes && end < usize::MAX, "region outside the arena");
        assert!((self.offset as usize).is_multiple_of(align_of::<T>()), "region misaligned");
        assert!(elements.saturating_mul(size_of::<T>()) <= self.bytes as usize, "region too small");
    }

    /// As [`Region::check`], for scratch, which may lie in fast memory: that it is inside, [`crate::plan::Work::check_fast`] knows.
    ///
    /// # Panics
    /// Where it does not: evaluated in a constant, this is a compile error.
    #[inline]
    pub const fn check_room<T: Element>(&self, arena_bytes: usize, elements: usize) {
        if self.is_fast() {
            let start = Self::new(self.offset - Self::FAST, self.bytes);
            start.check::<T>(usize::MAX, elements);
        } else {
            self.check::<T>(arena_bytes, elements);
        }
    }

    /// Checks at build time that scratch lies inside the arena, or in fast memory, and is aligned for `T`, and has room for
    /// `elements` of them, no more and no less: the compiler plans scratch by a formula of its own (`Scratch(..)` where it chooses
    /// the kernel), and this holds the two equal.
    ///
    /// # Panics
    /// Where it does not: evaluated in a constant, this is a compile error.
    #[inline]
    pub const fn check_scratch<T: Element>(&self, arena_bytes: usize, elements: usize) {
        self.check_room::<T>(arena_bytes, elements);
        assert!(elements.saturating_mul(size_of::<T>()) == self.bytes as usize, "scratch larger than the kernel needs");
    }

    /// Whether the two have no byte in common.
    #[must_use]
    pub const fn is_apart(&self, other: &Self) -> bool {
        let (start, end) = (self.offset as u64, self.offset as u64 + self.bytes as u64);
        let (other_start, other_end) = (other.offset as u64, other.offset as u64 + other.bytes as u64);
        end <= other_start || other_end <= start || self.bytes == 0 || other.bytes == 0
    }
}

/// The memory of one model: all bytes zero at first, aligned to 16.
///
/// Bytes may be uninitialised for a while: assigning to an input copies its padding, whatever that is.
#[repr(C, align(16))]
pub struct Arena<const N: usize> {
    bytes: [MaybeUninit<u8>; N],
}

/// Tells the size only: contents may be uninitialised, and no program has a use for them.
impl<const N: usize> fmt::Debug for Arena<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arena({N} bytes)")
    }
}

impl<const N: usize> Arena<N> {
    /// An arena of zeros, which as a `static` lands in `.bss`.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [MaybeUninit::new(0); N] }
    }

    /// Returns the handle through which kernels reach the arena.
    pub fn memory(&mut self) -> Memory<'_> {
        // SAFETY: borrowed as long as the handle; without fast memory, as [`Memory::with_fast`] has it.
        unsafe { Memory::of_worker(NonNull::from(&mut self.bytes).cast(), 0) }
    }

    /// The first byte of the arena, for workers on other cores.
    pub fn base(&mut self) -> NonNull<u8> {
        NonNull::from(&mut self.bytes).cast()
    }

    /// Fills `region` with `bytes`, which repeat as far as it reaches.
    pub fn fill(&mut self, region: Region, bytes: &[u8]) {
        let start = region.offset as usize;
        if let Some(target) = self.bytes.get_mut(start..start.saturating_add(region.bytes as usize)) {
            for (to, from) in target.iter_mut().zip(bytes.iter().cycle()) {
                *to = MaybeUninit::new(*from);
            }
        }
    }

    /// Copies what `region` holds into `target`, as far as both reach.
    pub fn read(&self, region: Region, target: &mut [MaybeUninit<u8>]) {
        let start = region.offset as usize;
        if let Some(source) = self.bytes.get(start..start.saturating_add(region.bytes as usize)) {
            for (to, from) in target.iter_mut().zip(source) {
                *to = *from;
            }
        }
    }

    /// Copies `source` into `region`, as far as both reach: what [`Arena::read`] gave comes back.
    pub fn write(&mut self, region: Region, source: &[MaybeUninit<u8>]) {
        let start = region.offset as usize;
        if let Some(target) = self.bytes.get_mut(start..start.saturating_add(region.bytes as usize)) {
            for (to, from) in target.iter_mut().zip(source) {
                *to = *from;
            }
        }
    }

    /// Copies bytes into `region`, as far as both reach.
    pub fn put(&mut self, region: Region, bytes: &[u8]) {
        let start = region.offset as usize;
        if let Some(target) = self.bytes.get_mut(start..start.saturating_add(region.bytes as usize)) {
            let count = target.len().min(bytes.len());
            // SAFETY: both are valid for so many bytes, and a unique reference overlaps no other.
            unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), target.as_mut_ptr().cast(), count) };
        }
    }

    /// Copies `BYTES` bytes from `FROM` to `TO`; the bounds are checked while compiling.
    pub const fn keep<const FROM: usize, const TO: usize, const BYTES: usize>(&mut self) {
        const { assert!(FROM + BYTES <= N && TO + BYTES <= N) };
        let base = self.bytes.as_mut_ptr();
        // SAFETY: both ranges lie inside the arena (checked above); `copy` allows them to overlap.
        unsafe { core::ptr::copy(base.add(FROM).cast_const(), base.add(TO), BYTES) };
    }

    /// Returns the tensor at `OFFSET`; the bounds are checked while compiling.
    #[must_use]
    pub const fn tensor<T: crate::Tensor, const OFFSET: usize>(&self) -> &T {
        const { assert!(OFFSET.is_multiple_of(16) && OFFSET + size_of::<T>() <= N && align_of::<T>() <= 16) };
        // SAFETY: the bytes lie inside the arena and are aligned (checked above), and a Tensor is plain data.
        unsafe { &*self.bytes.as_ptr().add(OFFSET).cast::<T>() }
    }

    /// Returns the tensor at `OFFSET` for writing; the bounds are checked while compiling.
    pub const fn tensor_mut<T: crate::Tensor, const OFFSET: usize>(&mut self) -> &mut T {
        const { assert!(OFFSET.is_multiple_of(16) && OFFSET + size_of::<T>() <= N && align_of::<T>() <= 16) };
        // SAFETY: as in `tensor`, and `&mut self` makes the reference the only one.
        unsafe { &mut *self.bytes.as_mut_ptr().add(OFFSET).cast::<T>() }
    }
}

impl<const N: usize> Default for Arena<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a kernel sees of the arena during one call: its base, that of the core's fast memory, and which worker runs the tile.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a> {
    base: NonNull<u8>,
    fast: NonNull<u8>,
    worker: u32,
    arena: PhantomData<&'a mut u8>,
}

// SAFETY: the pointer is only used through views, whose makers promise that no two tiles in flight overlap (memory
// invariant 2); the arena itself is plain bytes.
unsafe impl Send for Memory<'_> {}

impl Memory<'_> {
    /// The arena that begins at `base`, as worker `worker` sees it.
    ///
    /// # Safety
    /// `base` is an arena that lives as long as the handle, and its plan has scratch for this worker.
    #[must_use]
    pub const unsafe fn of_worker(base: NonNull<u8>, worker: u32) -> Self {
        Self { base, fast: NonNull::dangling(), worker, arena: PhantomData }
    }

    /// The same, with scratch in fast memory that begins at `fast`. Without, no kernel has scratch there.
    ///
    /// # Safety
    /// It is this worker's alone as long as the handle lives, and as large as the plan says (`plan::check_steps`).
    #[inline]
    #[must_use]
    pub const unsafe fn with_fast(mut self, fast: NonNull<u8>) -> Self {
        self.fast = fast;
        self
    }

    /// The worker that runs the tile, which tells the core.
    #[inline]
    #[must_use]
    pub const fn worker(self) -> u32 {
        self.worker
    }

    /// The first element of `region`.
    ///
    /// # Safety
    /// The region lies inside this arena and is aligned for `T` (memory invariant 1, `Region::check`).
    #[inline]
    #[must_use]
    pub unsafe fn at<T: Element>(self, region: Region) -> *mut T {
        // SAFETY: in bounds, as the caller promises.
        unsafe { self.base.as_ptr().add(region.offset as usize).cast() }
    }

    /// Whether a byte of the arena is not 0.
    ///
    /// # Safety
    /// The byte lies inside this arena, is initialised, and nobody writes it meanwhile.
    #[inline]
    #[must_use]
    pub unsafe fn is_set(self, offset: u32) -> bool {
        // SAFETY: as the caller promises.
        unsafe { *self.at::<u8>(Region::new(offset, 1)) != 0 }
    }

    /// The first element of this worker's part of a scratch region: in the arena one part per core, each of `region.bytes` bytes
    /// rounded up to 16; in fast memory the region itself, as each core has its own.
    ///
    /// # Safety
    /// As for [`Memory::at`], with room for every worker of the plan.
    #[inline]
    #[must_use]
    pub unsafe fn scratch<T: Element>(self, region: Region) -> *mut T {
        if region.is_fast() {
            // SAFETY: in bounds, as the caller promises.
            return unsafe { self.fast.as_ptr().add((region.offset - Region::FAST) as usize).cast() };
        }
        let part = (region.bytes as usize).next_multiple_of(16);
        // SAFETY: in bounds, as the caller promises.
        unsafe { self.base.as_ptr().add(region.offset as usize + self.worker as usize * part).cast() }
    }

    /// The first element of an operand, wherever it lives.
    ///
    /// # Safety
    /// As for [`Memory::at`].
    #[inline]
    #[must_use]
    pub unsafe fn source<T: Element>(self, source: Source<T>) -> *const T {
        match source {
            // SAFETY: in bounds, as the caller promises.
            Source::Arena(region) => unsafe { self.at::<T>(region).cast_const() },
            Source::Flash(data) => data.as_ptr(),
        }
    }
}

/// An operand that is read: a region of the arena, or constant data in flash.
#[derive(Clone, Copy, Debug)]
pub enum Source<T: 'static> {
    /// Computed, or an input of the model.
    Arena(Region),
    /// Known at build time.
    Flash(&'static [T]),
}

impl<T: Element> Source<T> {
    /// Checks at build time that the operand holds `elements` elements inside the arena.
    ///
    /// # Panics
    /// Where it does not: evaluated in a constant, this is a compile error.
    #[inline]
    pub const fn check(&self, arena_bytes: usize, elements: usize) {
        match self {
            Self::Arena(region) => region.check::<T>(arena_bytes, elements),
            Self::Flash(data) => assert!(data.len() >= elements, "constant operand too short"),
        }
    }
}

/// Where an image of `height x width x channels` elements lies: strides are in elements.
///
/// The element (y, x, c) is at `y * row + x * pixel + c` of the region, so that an image can be a window of a larger
/// one: a crop, or some of the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// The bytes that hold it.
    pub region: Region,
    /// Rows.
    pub height: u32,
    /// Pixels of a row.
    pub width: u32,
    /// Elements of a pixel.
    pub channels: u32,
    /// Elements from a row to the next.
    pub row: u32,
    /// Elements from a pixel to the next.
    pub pixel: u32,
}

impl Image {
    /// Checks at build time that all elements lie inside the region and the arena.
    ///
    /// # Panics
    /// Where they do not: evaluated in a constant, this is a compile error.
    #[inline]
    pub const fn check<T: Element>(&self, arena_bytes: usize) {
        assert!(self.height > 0 && self.width > 0 && self.channels > 0, "image without elements");
        let elements = self.pixels().saturating_mul(self.channels as usize);
        assert!(elements <= i32::MAX as usize, "image with more elements than memory");
        let down = (self.height as usize - 1).saturating_mul(self.row as usize);
        let across = (self.width as usize - 1).saturating_mul(self.pixel as usize);
        self.region.check::<T>(arena_bytes, down.saturating_add(across).saturating_add(self.channels as usize));
    }

    /// As [`Image::check`], for an image that is written: pixels do not share elements, so that tiles do not.
    ///
    /// # Panics
    /// Where they do: evaluated in a constant, this is a compile error.
    #[inline]
    pub const fn check_output<T: Element>(&self, arena_bytes: usize) {
        self.check::<T>(arena_bytes);
        assert!(self.width == 1 || self.pixel >= self.channels, "pixels overlap");
        let row = (self.width as usize - 1).saturating_mul(self.pixel as usize).saturating_add(self.channels as usize);
        assert!(self.height == 1 || self.row as usize >= row, "rows overlap");
    }

    /// How many pixels it has.
    #[must_use]
    pub const fn pixels(&self) -> usize {
        (self.height as usize).saturating_mul(self.width as usize)
    }

    /// Checks at build time that pixels follow each other, also from a row to the next.
    ///
    /// # Panics
    /// Where they do not: evaluated in a constant, this is a compile error.
    #[inline]
    pub(crate) const fn check_follows(&self) {
        let row = (self.width as usize).saturating_mul(self.pixel as usize);
        assert!(self.row as usize == row, "rows of the output do not follow each other");
    }

    /// The view of the image in `memory`.
    ///
    /// # Safety
    /// As for [`Memory::at`]; the image passed [`Image::check`].
    #[inline]
    #[must_use]
    pub unsafe fn view<T: Element>(&self, memory: Memory<'_>) -> View<T> {
        // SAFETY: forwarded to the caller.
        let first = unsafe { memory.at::<T>(self.region) };
        View { first, row: self.row as usize, pixel: self.pixel as usize }
    }
}

/// An image in memory: its first element and its strides, in elements.
#[derive(Clone, Copy, Debug)]
pub struct View<T> {
    first: *mut T,
    row: usize,
    pixel: usize,
}

impl<T: Element> View<T> {
    /// The first channel of pixel (y, x).
    ///
    /// # Safety
    /// The pixel lies inside the image; writes go to pixels and channels of the caller's own tile only (tiles of one
    /// operator are disjoint: memory invariant 2).
    #[inline]
    #[must_use]
    pub unsafe fn pixel(self, y: usize, x: usize) -> *mut T {
        // SAFETY: in bounds, as the caller promises.
        unsafe { self.first.add(y * self.row + x * self.pixel) }
    }

    /// Elements from a pixel to the next.
    #[inline]
    #[must_use]
    pub const fn pixel_stride(self) -> usize {
        self.pixel
    }

    /// Elements from a row to the next.
    #[inline]
    #[must_use]
    pub const fn row_stride(self) -> usize {
        self.row
    }
}
