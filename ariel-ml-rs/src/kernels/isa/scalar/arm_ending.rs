//! The end of sums for Armv6-M, whose products have no more than 32 bits.
//!
//! A multiplier of int8 is three digits of 11 bits, `m = 2^22 * c + 2^11 * b + a`. The products of a digit and a sum of 21 bits have
//! 32, and `(sum * m) >> 22 = sum * c + ((sum * b + ((sum * a) >> 11)) >> 11)`, where all shifts round down. A multiplier of int16
//! has 15 bits: `(sum * m) >> 16 = high * m + ((low * m) >> 16)`, where high and low are the halves of the sum.

use super::ending::Ending;
use core::arch::naked_asm;

/// A function that ends sums.
///
/// Registers: r0 sums, r1 place, r3 the sum, r4 bias, r5 to r7 and r9 for multipliers, r2 the result, r8 rounding, r10 and r11 greatest
/// and least value, r12 from a place to the next, lr behind the last sum. The shift is on the stack.
macro_rules! ending {
    ($(#[$doc:meta])* $name:ident: $prepare:expr, $multiply:expr, $below:expr, $store:literal) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// As `Ending` says.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(ending: &Ending) {
            naked_asm!(
                save!(),
                "sub sp, sp, #4",
                "mov r7, r0",
                "ldmia r7!, {{r0, r1, r2, r3, r4, r5}}",
                "mov lr, r1",
                "mov r1, r2",
                "mov r12, r3",
                "ldmia r7!, {{r2, r3}}",
                "mov r8, r2",
                "str r3, [sp]",
                "ldmia r7!, {{r2, r3}}",
                "mov r11, r2",
                "mov r10, r3",
                $prepare,
                "2:",
                "ldmia r0!, {{r3}}",
                "adds r3, r3, r4",
                $multiply,
                $below,
                "ldr r3, [sp]",
                "add r2, r8",
                "asrs r2, r2, r3",
                "cmp r2, r10",
                "ble 3f",
                "mov r2, r10",
                "3:",
                "cmp r2, r11",
                "bge 4f",
                "mov r2, r11",
                "4:",
                concat!($store, " r2, [r1]"),
                "add r1, r12",
                "cmp r0, lr",
                "bne 2b",
                "add sp, sp, #4",
                restore!(),
            )
        }
    };
}

/// The digits of r5: c in r9, b in r6, a in r5.
macro_rules! digits {
    () => {
        "lsrs r7, r5, #22\nmov r9, r7\nlsls r6, r5, #10\nlsrs r6, r6, #21\nlsls r5, r5, #21\nlsrs r5, r5, #21"
    };
}

/// The sum times the digits, `>> 30`.
macro_rules! three_products {
    () => {
        concat!(
            "movs r2, r3\nmuls r2, r5, r2\nasrs r2, r2, #11\n",
            "movs r7, r3\nmuls r7, r6, r7\nadds r7, r7, r2\nasrs r7, r7, #11\n",
            "mov r2, r9\nmuls r2, r3, r2\nadds r2, r2, r7\nasrs r2, r2, #8",
        )
    };
}

ending!(
    /// int8: 30 cycles a sum.
    short: digits!(), three_products!(), "", "strb"
);
ending!(
    /// int8 where negative sums have two less: 33 cycles a sum.
    short_below: digits!(), three_products!(), "asrs r3, r3, #31\nlsls r3, r3, #1\nadds r2, r2, r3", "strb"
);
ending!(
    /// int16: 25 cycles a sum.
    wide: "lsrs r5, r5, #16",
    "uxth r2, r3\nmuls r2, r5, r2\nlsrs r2, r2, #16\nasrs r3, r3, #16\nmuls r3, r5, r3\nadds r2, r2, r3", "", "strh"
);
