//! The end of sums for Armv6-M, whose products have no more than 32 bits.
//!
//! A multiplier of int8 that is even is three digits of 10 bits, `m = 2 * (2^20 * c + 2^10 * b + a)`. The products of a digit and a sum
//! of 22 bits have 32, and `(sum * m) >> 21 = sum * c + ((sum * b + ((sum * a) >> 10)) >> 10)`, where all shifts round down. A round one,
//! `m = 2^7 * (2^12 * b + a)`, has two of 12 bits for sums of 20: `(sum * m) >> 19 = sum * b + ((sum * a) >> 12)`. A multiplier of int16
//! has 15 bits: `(sum * m) >> 16 = high * m + ((low * m) >> 16)`, where high and low are the halves of the sum. The compiler makes
//! multipliers even and round where it proves that answers stay what they are (`_rounded` in `ariel_build/isa/scalar/requantise.py`).

use super::ending::Ending;
use super::finish::Limits;
use super::triples::Outputs;
use core::arch::naked_asm;

/// The bits of sums that the functions here take, and of those that take fewer products with round multipliers.
const SHORT: u8 = 22;
const SHORTER: u8 = 20;
/// The bits that a round multiplier has not.
const ROUND: i32 = 0x7F;

/// What ends sums of some channels, if there is anything for them; `multipliers` has the bits of any of theirs.
pub(super) const fn channels(
    bits: u8,
    multipliers: i32,
    limits: Limits,
) -> Option<unsafe extern "C" fn(&Outputs, *const i32, usize, usize)> {
    match (bits <= SHORTER && multipliers & ROUND == 0, bits <= SHORT && multipliers & 1 == 0, limits.below) {
        (true, _, 0) => Some(shorter),
        (true, _, _) => Some(shorter_below),
        (_, true, 0) => Some(short),
        (_, true, _) => Some(short_below),
        _ => None,
    }
}

/// The loop over the sums of a channel.
///
/// Registers: r0 sums, r1 place, r3 the sum, r4 bias, r5 to r7 and r9 for multipliers, r2 the result, r8 rounding, r10 and r11 greatest
/// and least value, r12 from a place to the next, lr behind the last sum. The shift is the first word on the stack, and in r3 or
/// r7 when it is needed.
macro_rules! sums {
    ($multiply:expr, $shift:literal, $store:literal) => {
        concat!(
            "2:\nldmia r0!, {{r3}}\nadds r3, r3, r4\n",
            $multiply,
            "\nadd r2, r8\n",
            $shift,
            "\ncmp r2, r10\nble 3f\nmov r2, r10\n3:\ncmp r2, r11\nbge 4f\nmov r2, r11\n4:\n",
            $store,
            " r2, [r1]\nadd r1, r12\ncmp r0, lr\nbne 2b",
        )
    };
}

/// A function that ends sums of int8 of some channels, whose constants are `Channel`s.
///
/// On the stack: 0 shift, 4 rounding and 8 what is added of all channels, 12 constants, 16 place, 20 channels to go, 24 bytes of the sums of a
/// channel, and 28 from there to those of the next.
macro_rules! channels {
    ($(#[$doc:meta])* $name:ident: $prepare:expr, $sums:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// There are `count` sums for each channel, one at least, `pixels` apart from those of the next; the outputs are the caller's own.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(outputs: &Outputs, sums: *const i32, pixels: usize, count: usize) {
            naked_asm!(
                save!(),
                "sub sp, sp, #32",
                "lsls r3, r3, #2",
                "str r3, [sp, #24]",
                "lsls r2, r2, #2",
                "subs r2, r2, r3",
                "str r2, [sp, #28]",
                "mov r7, r0",
                "mov r0, r1",
                "ldmia r7!, {{r1, r2, r3, r4}}",
                "str r1, [sp, #12]",
                "str r2, [sp, #16]",
                "str r3, [sp, #20]",
                "mov r12, r4",
                "adds r7, r7, #8",
                "ldmia r7!, {{r1, r2, r3, r4, r5}}",
                "mov r11, r1",
                "mov r10, r2",
                "str r4, [sp, #4]",
                "str r5, [sp, #8]",
                "5:",
                "ldr r1, [sp, #24]",
                "adds r1, r0, r1",
                "mov lr, r1",
                "ldr r2, [sp, #12]",
                "ldmia r2!, {{r5, r6}}",
                "str r2, [sp, #12]",
                "asrs r4, r6, #8",
                "uxtb r7, r6",
                "str r7, [sp]",
                "ldr r2, [sp, #4]",
                "lsls r2, r2, r7",
                "asrs r2, r2, #1",
                "ldr r3, [sp, #8]",
                "adds r2, r2, r3",
                "mov r8, r2",
                $prepare,
                "ldr r1, [sp, #16]",
                "adds r2, r1, #1",
                "str r2, [sp, #16]",
                $sums,
                "ldr r1, [sp, #28]",
                "adds r0, r0, r1",
                "ldr r1, [sp, #20]",
                "subs r1, r1, #1",
                "str r1, [sp, #20]",
                "bne 5b",
                "add sp, sp, #32",
                restore!(),
            )
        }
    };
}

/// The digits of r5: c in r9, b in r6, a in r5.
macro_rules! three_digits {
    () => {
        "lsrs r7, r5, #21\nmov r9, r7\nlsls r6, r5, #11\nlsrs r6, r6, #22\nlsls r5, r5, #21\nlsrs r5, r5, #22"
    };
}

/// The digits of a round r5: b in r6, a in r5. The shift is in r7 before and after.
macro_rules! two_digits {
    () => {
        "lsrs r6, r5, #19\nlsls r5, r5, #13\nlsrs r5, r5, #20"
    };
}

/// The sum times the digits, `>> 30`; the sum stays.
macro_rules! three_products {
    () => {
        concat!(
            "movs r2, r3\nmuls r2, r5, r2\nasrs r2, r2, #10\n",
            "movs r7, r3\nmuls r7, r6, r7\nadds r7, r7, r2\nasrs r7, r7, #10\n",
            "mov r2, r9\nmuls r2, r3, r2\nadds r2, r2, r7\nasrs r2, r2, #9",
        )
    };
}

/// Two less where the sum is negative.
macro_rules! below {
    () => {
        "\nasrs r3, r3, #31\nlsls r3, r3, #1\nadds r2, r2, r3"
    };
}

/// Sums of 22 bits, and even multipliers: 30 cycles each.
macro_rules! short {
    () => {
        sums!(three_products!(), "ldr r3, [sp]\nasrs r2, r2, r3", "strb")
    };
}

/// Sums of 22 bits, and even multipliers where negative ones have two less: 33 cycles each.
macro_rules! short_below {
    () => {
        sums!(concat!(three_products!(), below!()), "ldr r3, [sp]\nasrs r2, r2, r3", "strb")
    };
}

/// Sums of 20 bits, and round multipliers: 23 cycles each.
macro_rules! shorter {
    () => {
        sums!(
            "movs r2, r3\nmuls r2, r5, r2\nasrs r2, r2, #12\nmuls r3, r6, r3\nadds r2, r2, r3\nasrs r2, r2, #11",
            "asrs r2, r2, r7",
            "strb"
        )
    };
}

/// The same where negative sums have two less: 29 cycles each.
macro_rules! shorter_below {
    () => {
        sums!(
            concat!(
                "movs r2, r3\nmuls r2, r5, r2\nasrs r2, r2, #12\n",
                "movs r7, r3\nmuls r7, r6, r7\nadds r2, r2, r7\nasrs r2, r2, #11",
                below!(),
            ),
            "ldr r3, [sp]\nasrs r2, r2, r3",
            "strb"
        )
    };
}

/// Sums of int16 of one channel: 25 cycles each.
///
/// # Safety
/// As `Ending` says.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn wide(ending: &Ending) {
    naked_asm!(
        save!(),
        "mov r7, r0",
        "ldmia r7!, {{r0, r1, r2, r3, r4, r5}}",
        "mov lr, r1",
        "mov r1, r2",
        "mov r12, r3",
        "lsrs r5, r5, #16",
        "ldmia r7!, {{r2, r3, r6}}",
        "mov r8, r2",
        "mov r11, r6",
        "ldr r2, [r7]",
        "mov r10, r2",
        "mov r7, r3",
        sums!(
            "uxth r2, r3\nmuls r2, r5, r2\nlsrs r2, r2, #16\nasrs r3, r3, #16\nmuls r3, r5, r3\nadds r2, r2, r3",
            "asrs r2, r2, r7",
            "strh"
        ),
        restore!(),
    )
}

channels!(
    /// Sums of 22 bits, and even multipliers.
    short: three_digits!(), short!()
);
channels!(
    /// Sums of 22 bits, and even multipliers, negative ones with two less.
    short_below: three_digits!(), short_below!()
);
channels!(
    /// Sums of 20 bits, and round multipliers.
    shorter: two_digits!(), shorter!()
);
channels!(
    /// Sums of 20 bits, and round multipliers, negative ones with two less.
    shorter_below: two_digits!(), shorter_below!()
);
