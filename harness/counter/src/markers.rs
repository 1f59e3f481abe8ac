//! Markers: instructions without effect, which no compiler emits, that tell the plugin where the program is.
//!
//! Those of steps carry a number: what follows them, up to the next or to STOP, is the work of that step.

/// What a marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A section begins behind it.
    Start,
    /// The section ends before it.
    Stop,
    /// The core only waits from here on.
    Idle,
    /// The core works again.
    Busy,
}

/// Whether an instruction is the marker of a step, and of which: `pld [pc, #n]` (Thumb-2) or `slti x0, x0, 16 + n`
/// (RISC-V), as `ariel-ml-rs/src/trace.rs` has them.
pub fn step(encodings: &Encodings, code: &[u8]) -> Option<u32> {
    let &[a, b, c, d] = code else { return None };
    if core::ptr::eq(encodings, &raw const THUMB) {
        let (first, second) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        return (first == 0xf89f && second >> 12 == 0xf).then_some(u32::from(second & 0xfff));
    }
    let word = u32::from_le_bytes([a, b, c, d]);
    (word & 0xf_ffff == 0x0_2013 && (16..2048).contains(&(word >> 20))).then_some((word >> 20).wrapping_sub(16))
}

/// The markers of one instruction set and how they are encoded, little-endian.
pub type Encodings = [(Marker, &'static [u8]); 4];

/// `mov r9, r9` to `mov r12, r12`: 16 bits long, legal from Armv6-M on. (`mov r8, r8` is what assemblers pad with.)
static THUMB: Encodings = [
    (Marker::Start, &[0xc9, 0x46]),
    (Marker::Stop, &[0xd2, 0x46]),
    (Marker::Idle, &[0xdb, 0x46]),
    (Marker::Busy, &[0xe4, 0x46]),
];
/// `slti x0, x0, 1` to `4`: hints, since x0 cannot be written.
static RISCV: Encodings = [
    (Marker::Start, &[0x13, 0x20, 0x10, 0x00]),
    (Marker::Stop, &[0x13, 0x20, 0x20, 0x00]),
    (Marker::Idle, &[0x13, 0x20, 0x30, 0x00]),
    (Marker::Busy, &[0x13, 0x20, 0x40, 0x00]),
];

/// Branches before and behind START and STOP, which make them blocks of their own and do not count.
pub fn branches(target: &[u8]) -> u64 {
    u64::from(target == b"arm")
}

/// The markers of QEMU's target of that name.
pub fn of(target: &[u8]) -> Option<&'static Encodings> {
    match target {
        b"arm" => Some(&THUMB),
        b"riscv32" => Some(&RISCV),
        _ => None,
    }
}

impl Marker {
    /// The marker that an instruction is.
    pub fn decode(encodings: &Encodings, code: &[u8]) -> Option<Self> {
        encodings.iter().find(|(_, encoded)| *encoded == code).map(|(marker, _)| *marker)
    }

    /// The marker and how many instructions of its block lie before it, in one word for QEMU to keep.
    pub fn pack(self, ahead: usize) -> usize {
        ahead << 2 | self as usize
    }

    /// What `pack` packed.
    pub fn unpack(word: usize) -> (Self, u64) {
        let marker = match word & 3 {
            0 => Self::Start,
            1 => Self::Stop,
            2 => Self::Idle,
            _ => Self::Busy,
        };
        (marker, (word >> 2) as u64)
    }
}
