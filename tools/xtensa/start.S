/* Start-up of the program on QEMU's dc232b, call0 ABI, and what Rust's compiler_builtins lacks for Xtensa. */

    /* The core starts here (XCHAL_RESET_VECTOR_VADDR of the core). */
    .section .reset, "ax"
    j 1f
    .align 4
    .literal_position
    .literal .Lstart, _start
    .align 4
1:  l32r a0, .Lstart
    jx a0

    .section .text.start, "ax"
    .literal_position
    .literal .Lstack, stack_top
    .literal .Lbss, bss_start
    .literal .Lbss_end, bss_end
    .global _start
    .align 4
_start:
    l32r a1, .Lstack
    l32r a2, .Lbss
    l32r a3, .Lbss_end
    movi a4, 0
1:  bgeu a2, a3, 2f
    s32i a4, a2, 0
    addi a2, a2, 4
    j 1b
2:  call0 program

    /* Asks the emulator: number and arguments in a2 to a5, answer in a2. */
    .section .text.simcall, "ax"
    .global simcall
    .align 4
simcall:
    simcall
    ret

    /* LLVM's trap: ends the emulator with 4. */
    .section .text.abort, "ax"
    .global abort
    .align 4
abort:
    movi a2, 1
    movi a3, 4
    simcall
    j abort

    /* LLVM's generic Xtensa does not multiply; this core does. */
    .section .text.__mulsi3, "ax"
    .global __mulsi3
    .align 4
__mulsi3:
    mull a2, a2, a3
    ret

    .section .note.GNU-stack, "", @progbits
