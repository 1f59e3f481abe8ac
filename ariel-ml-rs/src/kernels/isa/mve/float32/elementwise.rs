//! Sums, differences and products, element by element.

use core::arch::naked_asm;

/// Defines a naked function.
macro_rules! elementwise {
    ($name:ident, $operation:literal) => {
        /// 9 instructions for eight elements, 5 for four of what is left.
        ///
        /// # Safety
        /// The core has Helium; all three have `count` elements; the output may be an operand, but overlaps it in no other way.
        #[unsafe(naked)]
        pub(in crate::kernels::isa) unsafe extern "C" fn $name(
            left: *const f32,
            right: *const f32,
            output: *mut f32,
            count: usize,
        ) {
            naked_asm!(
                cpu!(),
                "push {{r7, lr}}",
                "lsr r12, r3, #3",
                "and r3, r3, #7",
                "wls lr, r12, 3f",
                "2:",
                "vldrw.u32 q0, [r0], #16",
                "vldrw.u32 q1, [r1], #16",
                "vldrw.u32 q2, [r0], #16",
                concat!($operation, " q0, q0, q1"),
                "vldrw.u32 q3, [r1], #16",
                "vstrw.32 q0, [r2], #16",
                concat!($operation, " q2, q2, q3"),
                "vstrw.32 q2, [r2], #16",
                "le lr, 2b",
                "3:",
                "wlstp.32 lr, r3, 5f",
                "4:",
                "vldrw.u32 q0, [r0], #16",
                "vldrw.u32 q1, [r1], #16",
                concat!($operation, " q0, q0, q1"),
                "vstrw.32 q0, [r2], #16",
                "letp lr, 4b",
                "5:",
                "pop {{r7, pc}}",
            )
        }
    };
}

elementwise!(add, "vadd.f32");
elementwise!(sub, "vsub.f32");
elementwise!(mul, "vmul.f32");
