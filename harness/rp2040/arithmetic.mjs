// Sums, shifts, logic and conditions of Armv6-M: what sets the flags N, Z, C, V and what reads them.

/** Sets N and Z of a result; returns the one cycle of an instruction that does no more. */
export function flags(core, result) {
    core.N = (result & 0x8000_0000) !== 0;
    core.Z = (result | 0) === 0;
    return 1;
}

/** Returns a + b + carry, as 32 bits, and sets all flags. */
export function add(core, a, b, carry) {
    const sum = a + b + carry;
    const result = sum | 0;
    core.N = result < 0;
    core.Z = result === 0;
    core.C = sum > 0xffff_ffff;
    core.V = ((a ^ result) & (b ^ result)) < 0;
    return result;
}

/** Returns a - b, less 1 where carry is 0, and sets all flags: the sum of a, the complement of b, and carry. */
export function subtract(core, a, b, carry) {
    return add(core, a, ~b >>> 0, carry);
}

/** Returns the number of ones among eight bits. */
export function ones(bits) {
    let value = bits - ((bits >>> 1) & 0x55);
    value = (value & 0x33) + ((value >>> 2) & 0x33);
    return (value + (value >>> 4)) & 15;
}

/** Returns whether a condition of B holds. */
export function holds(core, condition) {
    switch (condition) {
        case 0:
            return core.Z;
        case 1:
            return !core.Z;
        case 2:
            return core.C;
        case 3:
            return !core.C;
        case 4:
            return core.N;
        case 5:
            return !core.N;
        case 6:
            return core.V;
        case 7:
            return !core.V;
        case 8:
            return core.C && !core.Z;
        case 9:
            return !core.C || core.Z;
        case 10:
            return core.N === core.V;
        case 11:
            return core.N !== core.V;
        case 12:
            return !core.Z && core.N === core.V;
        default:
            return core.Z || core.N !== core.V;
    }
}

/** The sixteen instructions on two low registers. */
export function dataProcessing(core, op) {
    const r = core.registers;
    const d = op & 7;
    const value = r[d];
    const operand = r[(op >>> 3) & 7];
    switch ((op >>> 6) & 15) {
        case 0: // ANDS
            return flags(core, (r[d] = value & operand));
        case 1: // EORS
            return flags(core, (r[d] = value ^ operand));
        case 2: {
            // LSLS
            const by = operand & 0xff;
            if (by) {
                core.C = by <= 32 && ((value >>> (32 - by)) & 1) !== 0;
            }
            return flags(core, (r[d] = by < 32 ? value << by : 0));
        }
        case 3: {
            // LSRS
            const by = operand & 0xff;
            if (by) {
                core.C = by <= 32 && ((value >>> (by - 1)) & 1) !== 0;
            }
            return flags(core, (r[d] = by < 32 ? value >>> by : 0));
        }
        case 4: {
            // ASRS
            const by = Math.min(operand & 0xff, 32);
            if (by) {
                core.C = ((value >>> (by - 1)) & 1) !== 0;
            }
            return flags(core, (r[d] = (value | 0) >> Math.min(by, 31)));
        }
        case 5: // ADCS
            r[d] = add(core, value, operand, core.C ? 1 : 0);
            return 1;
        case 6: // SBCS
            r[d] = subtract(core, value, operand, core.C ? 1 : 0);
            return 1;
        case 7: {
            // RORS
            const by = operand & 31;
            const result = by ? (value >>> by) | (value << (32 - by)) : value;
            if (operand & 0xff) {
                core.C = (result & 0x8000_0000) !== 0;
            }
            return flags(core, (r[d] = result));
        }
        case 8: // TST
            return flags(core, value & operand);
        case 9: // RSBS
            r[d] = subtract(core, 0, operand, 1);
            return 1;
        case 10: // CMP
            subtract(core, value, operand, 1);
            return 1;
        case 11: // CMN
            add(core, value, operand, 0);
            return 1;
        case 12: // ORRS
            return flags(core, (r[d] = value | operand));
        case 13: // MULS
            return flags(core, (r[d] = Math.imul(value, operand)));
        case 14: // BICS
            return flags(core, (r[d] = value & ~operand));
        default: // MVNS
            return flags(core, (r[d] = ~operand));
    }
}
