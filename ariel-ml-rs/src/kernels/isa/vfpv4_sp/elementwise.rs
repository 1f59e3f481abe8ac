//! Sums, differences and products, element by element.

use core::arch::naked_asm;

/// Defines a naked function.
macro_rules! elementwise {
    ($name:ident, $operation:literal) => {
        /// 13 instructions for eight elements.
        ///
        /// # Safety
        /// All three have `count` elements; the output may be an operand, but overlaps it in no other way.
        #[unsafe(naked)]
        pub(in crate::kernels::isa) unsafe extern "C" fn $name(
            left: *const f32,
            right: *const f32,
            output: *mut f32,
            count: usize,
        ) {
            naked_asm!(
                fpu!(),
                "subs r3, r3, #8",
                "blt 3f",
                "2:",
                "vldm r0!, {{s0-s7}}",
                "vldm r1!, {{s8-s15}}",
                concat!($operation, " s0, s0, s8"),
                concat!($operation, " s1, s1, s9"),
                concat!($operation, " s2, s2, s10"),
                concat!($operation, " s3, s3, s11"),
                concat!($operation, " s4, s4, s12"),
                concat!($operation, " s5, s5, s13"),
                concat!($operation, " s6, s6, s14"),
                concat!($operation, " s7, s7, s15"),
                "vstm r2!, {{s0-s7}}",
                "subs r3, r3, #8",
                "bge 2b",
                "3:",
                "adds r3, r3, #8",
                "beq 5f",
                "4:",
                "vldm r0!, {{s0}}",
                "vldm r1!, {{s8}}",
                concat!($operation, " s0, s0, s8"),
                "vstm r2!, {{s0}}",
                "subs r3, r3, #1",
                "bne 4b",
                "5:",
                "bx lr",
            )
        }
    };
}

elementwise!(add, "vadd.f32");
elementwise!(sub, "vsub.f32");
elementwise!(mul, "vmul.f32");
