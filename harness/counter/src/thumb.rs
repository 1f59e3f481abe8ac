//! What the Cortex-M4 takes for an instruction, read from its encoding: Thumb-2 with DSP and single-precision floats.
//!
//! Cycles are those of Arm's Cortex-M4 Technical Reference Manual (100166, 3.3.1 and 7.2.3), without wait states.

/// Registers as bits: r0 to r15 are bits 0 to 15.
pub type Registers = u32;

/// What matters of an instruction for its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything that takes so many cycles by itself, and the registers that it computes.
    Plain { cycles: u32, into: Registers },
    /// Reads one word, halfword or byte: may be pipelined behind another load.
    Load { into: Registers, address: Registers },
    /// Writes one; with a register offset it takes longer.
    Store { address: Registers, by_register: bool },
    /// Moves so many words at once: pipelined with nothing.
    Multiple { words: u32, address: Registers },
    /// Goes elsewhere, or may: cycles before the pipeline is filled again, and whether the target is in the instruction.
    Branch { cycles: u32, is_direct: bool },
}

use Kind::{Branch, Load, Multiple, Plain, Store};

const PC: u32 = 15;
/// SDIV and UDIV take 2 to 12 cycles, by their operands: the middle.
const DIVIDE: u32 = 7;

/// Bits `low` to `low + count - 1`.
const fn bits(code: u32, low: u32, count: u32) -> u32 {
    code >> low & ((1 << count) - 1)
}

/// The register in four bits of the code, as a set.
const fn register(code: u32, low: u32) -> Registers {
    1 << bits(code, low, 4)
}

/// The register in three bits of the code, as a set.
const fn low_register(code: u32, low: u32) -> Registers {
    1 << bits(code, low, 3)
}

/// One cycle, for a result in these registers.
const fn plain(into: Registers) -> Kind {
    Plain { cycles: 1, into }
}

/// What the instruction is that these bytes are.
pub fn decode(bytes: &[u8]) -> Kind {
    match *bytes {
        [a, b] => narrow(u16::from_le_bytes([a, b]).into()),
        [a, b, c, d] => wide(u16::from_le_bytes([a, b]).into(), u16::from_le_bytes([c, d]).into()),
        _ => plain(0),
    }
}

/// An instruction of 16 bits.
fn narrow(code: u32) -> Kind {
    match code >> 11 {
        // Shifts, ADD and SUB of three registers.
        0b00000..=0b00011 => plain(low_register(code, 0)),
        // CMP with an immediate.
        0b00101 => plain(0),
        // MOV, ADD and SUB with an immediate; ADR, ADD of the stack pointer.
        0b00100..=0b00111 | 0b10100 | 0b10101 => plain(low_register(code, 8)),
        0b01000 if bits(code, 10, 1) == 0 => match bits(code, 6, 4) {
            // TST, CMP, CMN.
            0b1000 | 0b1010 | 0b1011 => plain(0),
            _ => plain(low_register(code, 0)),
        },
        0b01000 => match bits(code, 8, 2) {
            // ADD and MOV of any registers; CMP has no result.
            0b00 | 0b10 => moved(bits(code, 0, 3) | bits(code, 7, 1) << 3),
            0b01 => plain(0),
            // BX, BLX.
            _ => Branch { cycles: 1, is_direct: false },
        },
        // LDR from a literal.
        0b01001 => Load { into: low_register(code, 8), address: 0 },
        // With a register offset: STR, STRH, STRB, and behind them the loads, LDRSB first.
        0b01010 | 0b01011 => {
            let address = low_register(code, 3) | low_register(code, 6);
            if bits(code, 9, 3) < 0b011 {
                Store { address, by_register: true }
            } else {
                Load { into: low_register(code, 0), address }
            }
        }
        // With an immediate offset.
        0b01101 | 0b01111 | 0b10001 => Load { into: low_register(code, 0), address: low_register(code, 3) },
        0b01100 | 0b01110 | 0b10000 => Store { address: low_register(code, 3), by_register: false },
        // From the stack pointer.
        0b10011 => Load { into: low_register(code, 8), address: 1 << 13 },
        0b10010 => Store { address: 1 << 13, by_register: false },
        0b10110 | 0b10111 => miscellaneous(code),
        // STM, LDM.
        0b11000 | 0b11001 => Multiple { words: bits(code, 0, 8).count_ones(), address: low_register(code, 8) },
        // B, with a condition or without; SVC and UDF count for nothing here.
        _ => Branch { cycles: 1, is_direct: true },
    }
}

/// ADD or MOV to a register, which may be the program counter.
fn moved(to: u32) -> Kind {
    if to == PC { Branch { cycles: 1, is_direct: false } } else { plain(1 << to) }
}

/// The miscellaneous instructions of 16 bits.
fn miscellaneous(code: u32) -> Kind {
    match bits(code, 8, 4) {
        // CBZ, CBNZ.
        0b0001 | 0b0011 | 0b1001 | 0b1011 => Branch { cycles: 1, is_direct: true },
        // ADD and SUB of the stack pointer.
        0b0000 => plain(1 << 13),
        // Extensions, REV and kin.
        0b0010 | 0b1010 => plain(low_register(code, 0)),
        // PUSH, with the link register or without.
        0b0100 | 0b0101 => Multiple { words: bits(code, 0, 9).count_ones(), address: 1 << 13 },
        // POP; with the program counter it returns.
        0b1100 => Multiple { words: bits(code, 0, 8).count_ones(), address: 1 << 13 },
        0b1101 => Branch { cycles: 2 + bits(code, 0, 8).count_ones(), is_direct: false },
        // IT, NOP and hints, CPS, BKPT.
        _ => plain(0),
    }
}

/// An instruction of 32 bits, as its two halfwords.
fn wide(first: u32, second: u32) -> Kind {
    match (bits(first, 11, 2), bits(first, 4, 7)) {
        // LDM, STM; LDRD, STRD, exclusive accesses and TBB beside them.
        (0b01, op) if op & 0b110_0100 == 0b000_0000 => multiple(first, second),
        (0b01, op) if op & 0b110_0100 == 0b000_0100 => dual(first, second),
        // Shifted registers: the result of a comparison is register 15.
        (0b01, op) if op & 0b110_0000 == 0b010_0000 => result(second),
        (0b01 | 0b11, op) if op & 0b100_0000 == 0b100_0000 => float(first, second),
        (0b10, _) if bits(second, 15, 1) == 1 => branch(first, second),
        (0b11, op) if op & 0b110_0000 == 0b000_0000 => single(first, second),
        // Data processing of registers; multiplications; long ones, and divisions among them.
        (0b11, op) if op & 0b111_1000 == 0b011_1000 => long(op, second),
        _ => result(second),
    }
}

/// Data processing and multiplication: the result is in bits 8 to 11 of the second halfword.
fn result(second: u32) -> Kind {
    plain(register(second, 8) & !(1 << PC))
}

/// SMULL, UMULL, SMLAL, SMLALD ..: two results. SDIV, UDIV: one, and late.
fn long(op: u32, second: u32) -> Kind {
    match op & 0b111 {
        0b001 | 0b011 => Plain { cycles: DIVIDE, into: register(second, 8) },
        _ => plain(register(second, 8) | register(second, 12)),
    }
}

/// LDM, STM, PUSH, POP.
fn multiple(first: u32, second: u32) -> Kind {
    let words = second.count_ones();
    let is_load = bits(first, 4, 1) == 1;
    if is_load && bits(second, PC, 1) == 1 {
        return Branch { cycles: 1 + words, is_direct: false };
    }
    Multiple { words, address: register(first, 0) }
}

/// LDRD, STRD, LDREX, STREX, TBB, TBH.
fn dual(first: u32, second: u32) -> Kind {
    let is_table = bits(first, 4, 5) == 0b0_1101 && bits(second, 5, 3) == 0;
    let is_exclusive = bits(first, 8, 1) == 0 && bits(first, 5, 1) == 0;
    match (is_table, is_exclusive) {
        (true, _) => Branch { cycles: 2, is_direct: false },
        (_, true) => Plain { cycles: 2, into: register(second, 12) },
        _ => Multiple { words: 2, address: register(first, 0) },
    }
}

/// Loads and stores of one element.
fn single(first: u32, second: u32) -> Kind {
    let (base, target) = (register(first, 0), register(second, 12));
    let by_register = bits(first, 7, 1) == 0 && bits(second, 6, 6) == 0;
    let address = if by_register { base | register(second, 0) } else { base };
    match bits(first, 4, 1) {
        0 => Store { address, by_register },
        // PLD and PLI: loads to nowhere.
        _ if target == 1 << PC && bits(first, 5, 2) != 0b10 => plain(0),
        _ if target == 1 << PC => Branch { cycles: 2, is_direct: false },
        _ => Load { into: target, address: address & !(1 << PC) },
    }
}

/// Branches; barriers and accesses to special registers beside them.
fn branch(first: u32, second: u32) -> Kind {
    // Without bits 12 and 14 it is B with a condition, unless the condition's upper bits are all set.
    let is_control = bits(second, 12, 1) == 0 && bits(second, 14, 1) == 0 && bits(first, 7, 3) == 0b111;
    if is_control { plain(register(second, 8)) } else { Branch { cycles: 1, is_direct: true } }
}

/// Floating point: loads and stores of one register or several, moves to and from core registers, arithmetic.
fn float(first: u32, second: u32) -> Kind {
    let base = register(first, 0);
    // VMOV of two core registers.
    if bits(first, 5, 7) == 0b110_0010 {
        return Plain { cycles: 2, into: 0 };
    }
    if bits(first, 8, 4) & 0b1110 == 0b1100 {
        let is_load = bits(first, 4, 1) == 1;
        let is_single = bits(first, 8, 1) == 1 && bits(first, 5, 1) == 0;
        let doubles = bits(second, 8, 1) == 1;
        return match (is_single, doubles, is_load) {
            (true, false, true) => Load { into: 0, address: base & !(1 << PC) },
            (true, false, false) => Store { address: base, by_register: false },
            (true, true, _) => Multiple { words: 2, address: base },
            _ => Multiple { words: bits(second, 0, 8), address: base },
        };
    }
    // VMOV, VMRS: one register to or from the core.
    if bits(second, 4, 1) == 1 {
        let to_core = bits(first, 4, 1) == 1;
        return plain(if to_core { register(second, 12) & !(1 << PC) } else { 0 });
    }
    let cycles = match (bits(first, 4, 4) & 0b1011, bits(second, 6, 1)) {
        // VMLA, VMLS, VNMLA, VNMLS; VFNMA, VFNMS; VFMA, VFMS.
        (0b0000 | 0b0001 | 0b1001 | 0b1010, _) => 3,
        // VDIV.
        (0b1000, _) => 14,
        // VSQRT among moves, comparisons and conversions.
        (0b1011, 1) if bits(first, 0, 4) == 0b0001 && bits(second, 7, 1) == 1 => 14,
        _ => 1,
    };
    Plain { cycles, into: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes an instruction as assemblers list it.
    fn of(code: u32) -> Kind {
        let [a, b, c, d] = code.to_le_bytes();
        if code >> 16 == 0 { decode(&[a, b]) } else { decode(&[c, d, a, b]) }
    }

    #[test]
    fn instructions_of_16_bits() {
        assert_eq!(of(0x1888), plain(1)); // adds r0, r1, r2
        assert_eq!(of(0x2805), plain(0)); // cmp r0, #5
        assert_eq!(of(0x2305), plain(1 << 3)); // movs r3, #5
        assert_eq!(of(0x46c1), plain(1 << 9)); // mov r9, r8
        assert_eq!(of(0x6848), Load { into: 1, address: 1 << 1 }); // ldr r0, [r1, #4]
        assert_eq!(of(0x5688), Load { into: 1, address: 6 }); // ldrsb r0, [r1, r2]
        assert_eq!(of(0x5488), Store { address: 6, by_register: true }); // strb r0, [r1, r2]
        assert_eq!(of(0x7048), Store { address: 2, by_register: false }); // strb r0, [r1, #1]
        assert_eq!(of(0xb570), Multiple { words: 4, address: 1 << 13 }); // push {r4, r5, r6, lr}
        assert_eq!(of(0xbd70), Branch { cycles: 5, is_direct: false }); // pop {r4, r5, r6, pc}
        assert_eq!(of(0xc807), Multiple { words: 3, address: 1 }); // ldm r0!, {r0, r1, r2}
        assert_eq!(of(0xd1fc), Branch { cycles: 1, is_direct: true }); // bne
        assert_eq!(of(0xb120), Branch { cycles: 1, is_direct: true }); // cbz r0
        assert_eq!(of(0x4770), Branch { cycles: 1, is_direct: false }); // bx lr
        assert_eq!(of(0xbf08), plain(0)); // it eq
        assert_eq!(of(0x4348), plain(1)); // muls r0, r1, r0
    }

    #[test]
    fn instructions_of_32_bits() {
        assert_eq!(of(0xfb21_0002), plain(1)); // smlad r0, r1, r2, r0
        assert_eq!(of(0xfb81_0302), plain(1 | 1 << 3)); // smull r0, r3, r1, r2
        assert_eq!(of(0xfb91_f0f2), Plain { cycles: DIVIDE, into: 1 }); // sdiv r0, r1, r2
        assert_eq!(of(0xfa2f_f081), plain(1)); // sxtb16 r0, r1
        assert_eq!(of(0xf301_0007), plain(1)); // ssat r0, #8, r1
        assert_eq!(of(0xf240_1023), plain(1)); // movw r0, #0x123
        assert_eq!(of(0xea81_0002), plain(1)); // eor r0, r1, r2
        assert_eq!(of(0xf850_1b04), Load { into: 2, address: 1 }); // ldr r1, [r0], #4
        assert_eq!(of(0xf8d0_1010), Load { into: 2, address: 1 }); // ldr r1, [r0, #16]
        assert_eq!(of(0xf850_1022), Load { into: 2, address: 5 }); // ldr r1, [r0, r2, lsl #2]
        assert_eq!(of(0xf910_1b01), Load { into: 2, address: 1 }); // ldrsb r1, [r0], #1
        assert_eq!(of(0xf800_1b01), Store { address: 1, by_register: false }); // strb r1, [r0], #1
        assert_eq!(of(0xf800_1002), Store { address: 5, by_register: true }); // strb r1, [r0, r2]
        assert_eq!(of(0xe8f0_1202), Multiple { words: 2, address: 1 }); // ldrd r1, r2, [r0], #8
        assert_eq!(of(0xe890_001e), Multiple { words: 4, address: 1 }); // ldm r0, {r1, r2, r3, r4}
        assert_eq!(of(0xe8bd_8ff0), Branch { cycles: 10, is_direct: false }); // pop {r4 .. r11, pc}
        assert_eq!(of(0xe8df_f000), Branch { cycles: 2, is_direct: false }); // tbb [pc, r0]
        assert_eq!(of(0xf000_f801), Branch { cycles: 1, is_direct: true }); // bl
        assert_eq!(of(0xf47f_aff0), Branch { cycles: 1, is_direct: true }); // bne.w
        assert_eq!(of(0xf89f_f010), plain(0)); // pld [pc, #16]
    }

    #[test]
    fn floating_point() {
        assert_eq!(of(0xee30_0a80), Plain { cycles: 1, into: 0 }); // vadd.f32 s0, s1, s0
        assert_eq!(of(0xee20_0a80), Plain { cycles: 1, into: 0 }); // vmul.f32 s0, s1, s0
        assert_eq!(of(0xeea0_0a80), Plain { cycles: 3, into: 0 }); // vfma.f32 s0, s1, s0
        assert_eq!(of(0xee00_0a80), Plain { cycles: 3, into: 0 }); // vmla.f32 s0, s1, s0
        assert_eq!(of(0xee80_0a80), Plain { cycles: 14, into: 0 }); // vdiv.f32 s0, s1, s0
        assert_eq!(of(0xeeb1_0ae0), Plain { cycles: 14, into: 0 }); // vsqrt.f32 s0, s1
        assert_eq!(of(0xeeb1_0a60), Plain { cycles: 1, into: 0 }); // vneg.f32 s0, s1
        assert_eq!(of(0xeeb4_0a60), Plain { cycles: 1, into: 0 }); // vcmp.f32 s0, s1
        assert_eq!(of(0xeef1_fa10), plain(0)); // vmrs APSR_nzcv, fpscr
        assert_eq!(of(0xee10_0a10), plain(1)); // vmov r0, s0
        assert_eq!(of(0xed91_0a01), Load { into: 0, address: 2 }); // vldr s0, [r1, #4]
        assert_eq!(of(0xed81_0a01), Store { address: 2, by_register: false }); // vstr s0, [r1, #4]
        assert_eq!(of(0xecb1_0a04), Multiple { words: 4, address: 2 }); // vldmia r1!, {s0-s3}
        assert_eq!(of(0xed2d_8b04), Multiple { words: 4, address: 1 << 13 }); // vpush {d8, d9}
    }
}
