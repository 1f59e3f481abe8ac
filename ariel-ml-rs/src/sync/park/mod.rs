//! How a core sleeps until another wakes it: one file per way, one small API.
//!
//! | way | for |
//! |---|---|
//! | `ArmWfe` | Cortex-M cores that hear each other's SEV: RP2040, RP2350 |
//! | `ArmWfi` | Cortex-M cores that can only interrupt each other: a board names the interrupt, and how it is raised |
//! | `RiscvWfi` | RISC-V harts with a CLINT |
//! | `Spin` | chips without a way here, where helpers and leaders are tasks of executors |
//! | `Threads` | threads of a host |
//!
//! A board with another way implements [`Park`] itself.

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod arm_wfe;
#[cfg(all(target_arch = "arm", target_os = "none"))]
mod arm_wfi;
#[cfg(all(test, loom))]
mod loom;
#[cfg(all(target_arch = "riscv32", target_os = "none"))]
mod riscv_wfi;
mod spin;
mod spot;
#[cfg(all(any(test, feature = "std"), not(all(test, loom))))]
mod std;

#[cfg(all(test, loom))]
pub(crate) use self::loom::Loom;
#[cfg(all(target_arch = "riscv32", target_os = "none"))]
pub use self::riscv_wfi::RiscvWfi;
pub use self::spin::Spin;
pub use self::spot::Spot;
#[cfg(all(any(test, feature = "std"), not(all(test, loom))))]
pub use self::std::Threads;
#[cfg(all(target_arch = "arm", target_os = "none"))]
pub use self::{arm_wfe::ArmWfe, arm_wfi::ArmWfi};

/// A way to sleep. A wake-up may come early or without need; it may not be lost, also when it comes before `park`.
pub trait Park: core::fmt::Debug + Sync {
    /// The number of the calling core, as [`Park::unpark`] needs it.
    fn core(&self) -> u32 {
        0
    }

    /// Sleeps until [`Park::unpark`] is, or since the last `park` was, called for this spot; may return earlier.
    fn park(&self, spot: &Spot);

    /// Ends, or prevents, the sleep of the core that is at this spot.
    fn unpark(&self, spot: &Spot);

    /// Called after a task was woken whose executor may sleep on the core of this spot. Nothing to do where the executor's
    /// own waker reaches other cores, as Embassy's does on Cortex-M (SEV).
    fn nudge(&self, _spot: &Spot) {}
}
