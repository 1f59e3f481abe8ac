//! What tiles read: the part of a kernel's declaration that its fields do not show.
//!
//! A kernel declares itself by its struct, by the element types that its `check` proves, by the types that it is compiled for, and by
//! a constant `ACCESS`. Which outputs may lie over which inputs follows from that, or is named, field by field: in `OVER`, or in
//! `OVER_WHOLE` where it holds only for an output that is one tile. `nox -s kernels` makes the compiler's dataclasses of that (`ariel_build/kernels/declared`), and plans of
//! memory and of several cores follow from it; `tests/schedule/access` runs tiles alone and sees what they touch.

/// What a tile reads of the kernel's inputs, and which of them the output may lie over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anything.
    Whole,
    /// Of inputs with as many elements as the output those that it writes, of others anything. Each is read before it is written, so
    /// that the output may lie over an input of its size, unless `OVER` says otherwise.
    Elements,
    /// Of every input the units that it writes.
    Units,
    /// The same of inputs that outputs may lie over (`OVER`), of others anything.
    States,
    /// Rows of the image under its windows; where tiles are channels, anything.
    Window,
    /// The same. Pixels are copied before theirs are written, so that the output of a pointwise window of whole groups of channels may
    /// lie over the input.
    CopiedWindow,
    /// Rows of the image under its windows; where tiles are channels, these channels.
    WindowOfChannels,
    /// The same. All that groups of channels have is copied before they are written, where there is room for it, so that the output
    /// may lie over the input where tiles are channels, or the whole is one tile.
    CopiedWindowOfChannels,
}
