//! What pairs of pixels have in common.

/// Patches of pixels, and where their outputs are: for [`super::gemm`]. A patch has `turns` pieces of `steps` times 16 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Blocks {
    /// For each four channels: for each 16 bytes of a patch the weights of each of the four, which are int8; biases; what
    /// requantises: three vectors, or of int16 one.
    pub stream: *const i32,
    /// Bytes from a pixel's patch to the next.
    pub step: usize,
    /// Bytes from the end of a piece to the next one, modulo 2^32.
    pub skip: usize,
    /// Pieces of a patch, at least 1.
    pub turns: usize,
    /// Times 16 bytes of a piece: 1 to [`STEPS`].
    pub steps: usize,
    /// Bytes from a pixel's outputs to the next, modulo 2^32.
    pub stride: usize,
    /// Channels, at least 1: the last of a stream's four may be none.
    pub channels: usize,
    /// Pairs of pixels, at least 1.
    pub pairs: usize,
}

/// Times 16 bytes that a piece of a patch has at most.
pub(super) const STEPS: usize = 16;

/// Channels of a vector.
pub(super) const LANES: usize = 4;

/// Pieces of a patch of so many bytes that lie one behind the other, and times 16 bytes of each.
pub(super) const fn pieces(bytes: usize) -> (usize, usize) {
    let all = bytes.div_ceil(16);
    let turns = all.div_ceil(STEPS);
    (turns, if turns == 0 { 0 } else { all.div_ceil(turns) })
}

/// How many patches of so many bytes are copied before they are computed.
pub(super) const fn copies(bytes: usize) -> usize {
    match bytes / 16 {
        1 => 12,
        2 => 10,
        3..=6 => 4,
        _ => 2,
    }
}
