//! Pairs of bytes: how loops over pairs of columns, or of channels, of four rows or pixels end.

/// Stores the low bytes of four registers, each with that of another one behind it, and goes on at `2:` with the next pair; at
/// the end it returns.
///
/// On the stack: 0 what r0 begins with, 8 where the pair is stored, 12 from a row to the next, 56 the end of what r1 walks
/// through; r10-r12 are used.
macro_rules! store_pairs {
    ($a:literal $b:literal $c:literal $d:literal, $behind_a:literal $behind_b:literal $behind_c:literal $behind_d:literal) => {
        concat!(
            "bfi ",
            $a,
            ", ",
            $behind_a,
            ", #8, #24\n",
            "bfi ",
            $b,
            ", ",
            $behind_b,
            ", #8, #24\n",
            "bfi ",
            $c,
            ", ",
            $behind_c,
            ", #8, #24\n",
            "bfi ",
            $d,
            ", ",
            $behind_d,
            ", #8, #24\n",
            "ldrd r10, r11, [sp, #8]\n",
            "add r12, r10, r11, lsl #1\n",
            "strh ",
            $a,
            ", [r10]\n",
            "strh ",
            $b,
            ", [r10, r11]\n",
            "strh ",
            $c,
            ", [r12]\n",
            "strh ",
            $d,
            ", [r12, r11]\n",
            "add r10, r10, #2\n",
            "str r10, [sp, #8]\n",
            "ldr r0, [sp]\n",
            "ldr r12, [sp, #56]\n",
            "cmp r1, r12\n",
            "bne.w 2b\n",
            "pop {{r0-r11, pc}}",
        )
    };
}
pub(in crate::kernels::isa) use store_pairs;
