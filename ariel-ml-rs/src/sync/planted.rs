//! Bugs that loom's tests plant, one at a time, to see that loom finds them: a proof that cannot fail proves nothing.

use std::cell::Cell;

/// One weakened ordering, missing fence or missing wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The owner reads `top` before thieves can see that it took the last unit.
    PopFence,
    /// A thief reads `bottom` that is older than the `top` it read.
    StealFence,
    /// What was written before a push is not seen by the thief.
    PushRelease,
    /// The same through an inbox.
    InboxRelease,
    /// The last predecessor does not see what the others wrote.
    ArriveRelease,
    /// The leader returns without having seen what the last unit wrote.
    DoneRelease,
    /// A sleeper looks for work before others can see that it sleeps.
    LieDownFence,
    /// Who made work ready looks for sleepers before they can see the work.
    WakeFence,
    /// The waker is taken while its task may be registering another.
    RingTask,
    /// The owner goes to sleep while somebody still rings.
    RingOver,
    /// A worker trusts the post that it read before it said that it is inside.
    EnterFence,
    /// The next call does not wait for tiles in flight.
    SettleWait,
    /// Leaving does not ring a leader that waits for it.
    LeaveRing,
    /// A helper that was reset inside a job goes on as if it had been outside.
    ResumeInside,
    /// A helper that was reset does not wake a leader that sleeps.
    ResumeRouse,
}

std::thread_local! {
    /// loom runs all threads of a model on the thread that called it.
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether `bug` is planted.
pub(crate) fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Checks that `model` fails with `bug` in the code, and by what loom (or the model) says of it.
pub(crate) fn assert_found(bug: Bug, says: &str, model: impl FnOnce() + std::panic::UnwindSafe) {
    PLANTED.set(Some(bug));
    let outcome = std::panic::catch_unwind(model);
    PLANTED.set(None);
    let Err(panic) = outcome else { panic!("{bug:?} was not found") };
    let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    assert!(message.is_some_and(|message| message.contains(says)), "{bug:?} was found by {message:?}");
}
