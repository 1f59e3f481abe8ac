//! Markers: instructions without effect, which no compiler emits, that tell the plugin where the program is.

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

/// The markers of one instruction set and how they are encoded, little-endian.
pub type Encodings = [(Marker, &'static [u8]); 4];

/// `mov r9, r9` to `mov r12, r12`: 16 bits long, legal from Armv6-M on. (`mov r8, r8` is what assemblers pad with.)
const THUMB: Encodings = [
    (Marker::Start, &[0xc9, 0x46]),
    (Marker::Stop, &[0xd2, 0x46]),
    (Marker::Idle, &[0xdb, 0x46]),
    (Marker::Busy, &[0xe4, 0x46]),
];
/// `slti x0, x0, 1` to `4`: hints, since x0 cannot be written.
const RISCV: Encodings = [
    (Marker::Start, &[0x13, 0x20, 0x10, 0x00]),
    (Marker::Stop, &[0x13, 0x20, 0x20, 0x00]),
    (Marker::Idle, &[0x13, 0x20, 0x30, 0x00]),
    (Marker::Busy, &[0x13, 0x20, 0x40, 0x00]),
];

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
