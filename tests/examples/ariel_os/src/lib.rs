//! What the example uses of Ariel OS 0.5, with its names and types, by threads of the host: the example's code and the macro of
//! ariel-ml-rs are compiled and run against it. It is no proof that the real one runs them: laze and its boards are not here.

pub use ariel_os_macros::{task, thread};
pub use embassy_futures;
pub use linkme;

/// `ariel_os::log`.
pub mod log {
    /// Prints a line.
    #[macro_export]
    macro_rules! print_line {
        ($($words:tt)*) => { ::ariel_os::print(format_args!($($words)*)) };
    }
    pub use print_line as info;
    pub use print_line as error;
}

/// `ariel_os::time`.
pub mod time {
    pub use embassy_time::{Duration, Instant, Timer};
}

/// `ariel_os::thread`.
pub mod thread {
    use std::cell::Cell;

    /// What the attributes collect.
    #[linkme::distributed_slice]
    pub static THREAD_FNS: [fn()];

    thread_local! {
        static CURRENT: Cell<Option<ThreadId>> = const { Cell::new(None) };
    }

    /// The number of a thread.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ThreadId(u8);

    impl ThreadId {
        /// The thread of this number.
        pub const fn new(value: u8) -> Self {
            Self(value)
        }
    }

    impl From<ThreadId> for usize {
        fn from(value: ThreadId) -> Self {
            value.0.into()
        }
    }

    /// The number of a core.
    #[derive(Clone, Copy, Debug)]
    pub struct CoreId(u8);

    impl CoreId {
        /// The core of this number.
        pub const fn new(value: u8) -> Self {
            Self(value)
        }
    }

    /// The cores on which a thread may run.
    #[derive(Clone, Copy, Debug)]
    pub struct CoreAffinity(u8);

    impl CoreAffinity {
        /// This core only.
        pub fn one(core: CoreId) -> Self {
            Self(1 << core.0)
        }
    }

    /// Starts a thread.
    pub fn create_noarg(function: fn(), stack: &'static mut [u8], priority: u8, affinity: Option<CoreAffinity>) {
        static STARTED: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);
        assert!(stack.len() >= 2048 && priority < 16);
        let id = ThreadId(STARTED.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        crate::print(format_args!("thread {} on cores {:#b}", id.0, affinity.map_or(0, |affinity| affinity.0)));
        std::thread::spawn(move || {
            CURRENT.set(Some(id));
            function();
            // A thread of Ariel OS may end while others go on; ours that end have done what the program is for.
            std::process::exit(0);
        });
    }

    /// The calling thread, or none in a task.
    pub fn current_tid() -> Option<ThreadId> {
        CURRENT.get()
    }

    /// The example rests when all is done: here the program ends.
    pub fn sleep(_: embassy_time::Duration) {
        std::process::exit(0);
    }

    /// `ariel_os::thread::thread_flags`.
    pub mod thread_flags {
        use super::{ThreadId, current_tid};
        use std::sync::{Condvar, Mutex};

        /// One bit for each flag.
        pub type ThreadFlags = u16;

        static FLAGS: Mutex<[ThreadFlags; 16]> = Mutex::new([0; 16]);
        static CHANGED: Condvar = Condvar::new();

        /// Sets flags of a thread.
        pub fn set(thread: ThreadId, mask: ThreadFlags) {
            FLAGS.lock().unwrap()[usize::from(thread)] |= mask;
            CHANGED.notify_all();
        }

        /// Waits until any of these flags of the calling thread is set, and clears them.
        pub fn wait_any(mask: ThreadFlags) -> ThreadFlags {
            let thread = usize::from(current_tid().expect("a thread"));
            let mut flags = CHANGED.wait_while(FLAGS.lock().unwrap(), |flags| flags[thread] & mask == 0).unwrap();
            let set = flags[thread] & mask;
            flags[thread] &= !mask;
            set
        }
    }
}

/// Prints a line.
pub fn print(line: std::fmt::Arguments<'_>) {
    println!("{line}");
}

/// So many bytes that nobody else has.
pub fn stack(bytes: usize) -> &'static mut [u8] {
    vec![0; bytes].leak()
}

/// Runs a task beside the threads.
pub fn run_task(task: fn()) {
    std::thread::spawn(task);
}

/// Starts what the attributes collected.
#[unsafe(no_mangle)]
pub extern "C" fn main() -> i32 {
    for start in thread::THREAD_FNS {
        start();
    }
    loop {
        std::thread::park();
    }
}
