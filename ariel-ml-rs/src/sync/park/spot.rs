//! What who sleeps and who wakes share.

/// Where one worker sleeps: its core, and whether it has been rung for.
#[cfg(not(any(test, feature = "std")))]
#[derive(Debug)]
#[repr(C)]
pub struct Spot {
    core: core::sync::atomic::AtomicU32,
    rung: core::sync::atomic::AtomicBool,
}

#[cfg(not(any(test, feature = "std")))]
impl Spot {
    /// An empty spot.
    #[must_use]
    pub const fn new() -> Self {
        Self { core: core::sync::atomic::AtomicU32::new(0), rung: core::sync::atomic::AtomicBool::new(false) }
    }

    /// Says which core sleeps here.
    pub(crate) fn enter(&self, core: u32) {
        self.core.store(core, core::sync::atomic::Ordering::Relaxed);
    }

    /// The core that sleeps here.
    #[must_use]
    pub fn core(&self) -> u32 {
        self.core.load(core::sync::atomic::Ordering::Relaxed)
    }

    /// Says that the sleeper is rung for: before the interrupt that wakes it is raised.
    pub fn set_rung(&self) {
        // Release pairs with Acquire in `is_rung`.
        self.rung.store(true, core::sync::atomic::Ordering::Release);
    }

    /// Whether the sleeper was rung for. Asked with interrupts masked, so that it is not answered by an interrupt that comes
    /// between the answer and the sleep.
    #[must_use]
    pub fn is_rung(&self) -> bool {
        self.rung.load(core::sync::atomic::Ordering::Acquire)
    }

    /// Forgets that the sleeper was rung for: once it is up.
    pub fn clear_rung(&self) {
        self.rung.store(false, core::sync::atomic::Ordering::Relaxed);
    }
}

/// Where one worker sleeps: whether it has been rung for, and how it hears of it.
#[cfg(all(any(test, feature = "std"), not(all(test, loom))))]
#[derive(Debug)]
pub struct Spot {
    pub(super) rung: std::sync::Mutex<bool>,
    pub(super) bell: std::sync::Condvar,
}

#[cfg(all(any(test, feature = "std"), not(all(test, loom))))]
impl Spot {
    /// An empty spot.
    #[must_use]
    pub const fn new() -> Self {
        Self { rung: std::sync::Mutex::new(false), bell: std::sync::Condvar::new() }
    }
}

/// Where one thread of a model sleeps: whether it has been rung for, and, outside of what is modelled, the thread that is about
/// to block.
#[cfg(all(test, loom))]
#[derive(Debug)]
pub struct Spot {
    pub(super) rung: loom::sync::Mutex<bool>,
    pub(super) blocked: std::sync::Mutex<Option<loom::thread::Thread>>,
}

#[cfg(all(test, loom))]
impl Spot {
    /// An empty spot.
    #[must_use]
    pub fn new() -> Self {
        Self { rung: loom::sync::Mutex::new(false), blocked: std::sync::Mutex::new(None) }
    }
}

#[cfg(any(test, feature = "std"))]
impl Spot {
    /// A thread needs no number to be woken.
    #[expect(clippy::unused_self, reason = "the same API as on bare metal")]
    pub(crate) fn enter(&self, _core: u32) {}
}

impl Default for Spot {
    fn default() -> Self {
        Self::new()
    }
}
