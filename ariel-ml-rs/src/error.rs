//! What an inference can answer instead of an output.

use core::fmt;

/// Why an inference, or the wiring of a model, did not succeed.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The model of this `wire!` is already handed out: each `wire!` gives one handle, once.
    AlreadyWired,
    /// The inference's time budget was spent before it was complete.
    DeadlineMissed,
    /// A helper was reset in the middle of the inference, which is given up; the next one is a whole one. Only where cores run
    /// images of their own (`pool::Images`).
    HelperLost,
    /// What images share does not fit between `_ariel_shared` and `_ariel_shared_end` of the linker script.
    NoSharedRoom,
    /// Another `Model` of the same module is at a tile, in the fast memory in which all of them have their scratch: this inference
    /// runs above it, in an interrupt say, or on another core. Only where the board file gives `scratch` a memory.
    ScratchInUse,
    /// A stream that is to be finished before all rows of the input were given ([`crate::Stream::rows_left`]).
    TooFewRows,
    /// A row that is given behind the last one of the input.
    TooManyRows,
    /// Numbers for a tensor that are not as many as its elements.
    WrongLength,
    /// A size of a bounded dimension that is 0 or beyond the bound, or other sizes than the model has bounded dimensions.
    WrongSize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyWired => "the model is already wired: keep the handle of the first `wire!`",
            Self::DeadlineMissed => "the inference was given up: its time budget was spent before it was complete",
            Self::HelperLost => "the inference was given up: a helper was reset in the middle of it; call again",
            Self::NoSharedRoom => {
                "what the images share does not fit: put `_ariel_shared_end` of all linker scripts further from `_ariel_shared`"
            }
            Self::ScratchInUse => "another `Model` of this module is at a tile, with the scratch of both: call again behind it",
            Self::TooFewRows => "rows of the input are still to be given: `rows_left` tells how many",
            Self::TooManyRows => "all rows of the input were given: finish this stream, and begin another",
            Self::WrongLength => {
                "there are more or fewer numbers than the tensor has elements: `LEN` tells how many it has"
            }
            Self::WrongSize => {
                "a bounded dimension has 1 at least, and no more than its bound: `Sizes::BOUNDS` tells them"
            }
        })
    }
}

impl core::error::Error for Error {}
