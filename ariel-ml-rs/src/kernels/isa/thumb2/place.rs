//! Bytes that are copied, and padding.

use core::arch::naked_asm;

/// Writes `words` words, and returns the end of what it wrote.
///
/// # Safety
/// There is room for them; `words` is a multiple of 4 and not 0.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn fill(to: *mut i16, word: u32, words: usize) -> *mut i16 {
    naked_asm!(
        "push {{r4, lr}}",
        "mov r3, r1",
        "mov r4, r1",
        "mov r12, r1",
        "2:",
        "stm r0!, {{r1, r3, r4, r12}}",
        "subs r2, r2, #4",
        "bne 2b",
        "pop {{r4, pc}}",
    )
}

/// Copies `count` bytes, which may be none, and returns the end of what it wrote.
///
/// # Safety
/// Both have `count` bytes, and do not overlap.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn copy(to: *mut i8, source: *const i8, count: usize) -> *mut i8 {
    naked_asm!(
        "subs r2, r2, #4",
        "blt 3f",
        "2:",
        "ldr r3, [r1], #4",
        "str r3, [r0], #4",
        "subs r2, r2, #4",
        "bge 2b",
        "3:",
        "adds r2, r2, #4",
        "beq 5f",
        "4:",
        "ldrb r3, [r1], #1",
        "strb r3, [r0], #1",
        "subs r2, r2, #1",
        "bne 4b",
        "5:",
        "bx lr",
    )
}

/// Bytes of padding before what is copied, bytes that are copied, bytes of padding behind.
#[derive(Clone, Copy)]
#[repr(C)]
pub(in crate::kernels::isa) struct Parts {
    pub before: usize,
    pub count: usize,
    pub behind: usize,
}

/// Fills the bytes that a register counts, at r0, with r3.
macro_rules! pad {
    ($count:literal) => {
        concat!(
            "subs ",
            $count,
            ", ",
            $count,
            ", #4\n",
            "blt 3f\n",
            "2:\n",
            "str r3, [r0], #4\n",
            "subs ",
            $count,
            ", ",
            $count,
            ", #4\n",
            "bge 2b\n",
            "3:\n",
            "adds ",
            $count,
            ", ",
            $count,
            ", #4\n",
            "beq 5f\n",
            "4:\n",
            "strb r3, [r0], #1\n",
            "subs ",
            $count,
            ", ",
            $count,
            ", #1\n",
            "bne 4b\n",
            "5:",
        )
    };
}

/// Writes padding, a copy, and padding; all four bytes of `padding` are alike.
///
/// # Safety
/// There is room for all parts at `to`, and the copied bytes are at `source`.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn place(to: *mut i8, source: *const i8, parts: &Parts, padding: u32) {
    naked_asm!(
        "push {{r4, lr}}",
        "ldm.w r2, {{r2, r4, r12}}",
        pad!("r2"),
        "subs r4, r4, #4",
        "blt 3f",
        "2:",
        "ldr r2, [r1], #4",
        "str r2, [r0], #4",
        "subs r4, r4, #4",
        "bge 2b",
        "3:",
        "adds r4, r4, #4",
        "beq 5f",
        "4:",
        "ldrb r2, [r1], #1",
        "strb r2, [r0], #1",
        "subs r4, r4, #1",
        "bne 4b",
        "5:",
        pad!("r12"),
        "pop {{r4, pc}}",
    )
}
