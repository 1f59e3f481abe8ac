// Armv6-M's instructions. rp2040js looks for an instruction by one comparison after another; this looks it up by its upper
// five bits, an order of magnitude faster, and leaves what is rare (MRS, MSR, barriers) to it.
//
// Cycles are those of the Cortex-M0+ Technical Reference Manual (DDI 0484C, table 3-1) with a multiplier of one cycle and memory
// without wait states; accesses to registers cost what rp2040js says. Where its results or cycles differ from the architecture
// or the manual, ours are theirs:
// - V of ADCS and SBCS where the second operand and the carry together overflow;
// - C of register shifts by zero, which leave it, and of LSLS by more than 32;
// - PUSH with LR and POP with PC count that register as well.
// tests/run/rp2040/execute.test.mjs compares the two, instruction by instruction.

import { add, dataProcessing, flags, holds, ones, subtract } from "./arithmetic.mjs";
import { Fault, Sleep, hex } from "./core.mjs";
import { CortexM0Core } from "./rp2040js.mjs";

const [SP, LR, PC] = [13, 14, 15];
const SEMIHOSTING = 0xab;

/** Executes the instruction at the program counter; returns its cycles. */
export function execute(core) {
    const r = core.registers;
    const bus = core.chip.bus;
    const at = r[PC];
    core.at = at;
    const op = bus.fetch(core, at);
    r[PC] = at + 2;
    switch (op >>> 11) {
        case 0b00000: {
            // LSLS (immediate), MOVS (register)
            const value = r[(op >>> 3) & 7];
            const by = (op >>> 6) & 31;
            if (by) {
                core.C = ((value >>> (32 - by)) & 1) !== 0;
            }
            return flags(core, (r[op & 7] = value << by));
        }
        case 0b00001: {
            // LSRS (immediate)
            const value = r[(op >>> 3) & 7];
            const by = (op >>> 6) & 31;
            core.C = ((value >>> ((by || 32) - 1)) & 1) !== 0;
            return flags(core, (r[op & 7] = by ? value >>> by : 0));
        }
        case 0b00010: {
            // ASRS (immediate)
            const value = r[(op >>> 3) & 7];
            const by = (op >>> 6) & 31 || 32;
            core.C = ((value >>> (by - 1)) & 1) !== 0;
            return flags(core, (r[op & 7] = by < 32 ? (value | 0) >> by : (value | 0) >> 31));
        }
        case 0b00011: {
            // ADDS, SUBS (register or three bits)
            const operand = op & 0x400 ? (op >>> 6) & 7 : r[(op >>> 6) & 7];
            const value = r[(op >>> 3) & 7];
            r[op & 7] = op & 0x200 ? subtract(core, value, operand, 1) : add(core, value, operand, 0);
            return 1;
        }
        case 0b00100: // MOVS
            return flags(core, (r[(op >>> 8) & 7] = op & 0xff));
        case 0b00101: // CMP
            subtract(core, r[(op >>> 8) & 7], op & 0xff, 1);
            return 1;
        case 0b00110: // ADDS
            r[(op >>> 8) & 7] = add(core, r[(op >>> 8) & 7], op & 0xff, 0);
            return 1;
        case 0b00111: // SUBS
            r[(op >>> 8) & 7] = subtract(core, r[(op >>> 8) & 7], op & 0xff, 1);
            return 1;
        case 0b01000:
            return op & 0x400 ? high(core, op) : dataProcessing(core, op);
        case 0b01001: {
            // LDR (literal)
            const address = ((at + 4) & ~3) + ((op & 0xff) << 2);
            r[(op >>> 8) & 7] = bus.read32(core, address >>> 0);
            return 1 + cyclesOf(core, address, false);
        }
        case 0b01010:
        case 0b01011:
            return byRegister(core, op);
        case 0b01100: {
            const address = (r[(op >>> 3) & 7] + ((op >>> 4) & 0x7c)) >>> 0;
            bus.write32(core, address, r[op & 7]);
            return 1 + cyclesOf(core, address, true);
        }
        case 0b01101: {
            const address = (r[(op >>> 3) & 7] + ((op >>> 4) & 0x7c)) >>> 0;
            r[op & 7] = bus.read32(core, address);
            return 1 + cyclesOf(core, address, false);
        }
        case 0b01110: {
            const address = (r[(op >>> 3) & 7] + ((op >>> 6) & 31)) >>> 0;
            bus.write8(core, address, r[op & 7]);
            return 1 + cyclesOf(core, address, true);
        }
        case 0b01111: {
            const address = (r[(op >>> 3) & 7] + ((op >>> 6) & 31)) >>> 0;
            r[op & 7] = bus.read8(core, address);
            return 1 + cyclesOf(core, address, false);
        }
        case 0b10000: {
            const address = (r[(op >>> 3) & 7] + ((op >>> 5) & 0x3e)) >>> 0;
            bus.write16(core, address, r[op & 7]);
            return 1 + cyclesOf(core, address, true);
        }
        case 0b10001: {
            const address = (r[(op >>> 3) & 7] + ((op >>> 5) & 0x3e)) >>> 0;
            r[op & 7] = bus.read16(core, address);
            return 1 + cyclesOf(core, address, false);
        }
        case 0b10010: {
            const address = (r[SP] + ((op & 0xff) << 2)) >>> 0;
            bus.write32(core, address, r[(op >>> 8) & 7]);
            return 1 + cyclesOf(core, address, true);
        }
        case 0b10011: {
            const address = (r[SP] + ((op & 0xff) << 2)) >>> 0;
            r[(op >>> 8) & 7] = bus.read32(core, address);
            return 1 + cyclesOf(core, address, false);
        }
        case 0b10100: // ADR
            r[(op >>> 8) & 7] = ((at + 4) & ~3) + ((op & 0xff) << 2);
            return 1;
        case 0b10101: // ADD (SP and an immediate)
            r[(op >>> 8) & 7] = r[SP] + ((op & 0xff) << 2);
            return 1;
        case 0b10110:
        case 0b10111:
            return miscellaneous(core, op);
        case 0b11000: {
            // STM
            let address = r[(op >>> 8) & 7];
            for (let index = 0; index < 8; index++) {
                if (op & (1 << index)) {
                    bus.write32(core, address, r[index]);
                    address = (address + 4) >>> 0;
                }
            }
            r[(op >>> 8) & 7] = address;
            return 1 + ones(op & 0xff);
        }
        case 0b11001: {
            // LDM
            const base = (op >>> 8) & 7;
            let address = r[base];
            for (let index = 0; index < 8; index++) {
                if (op & (1 << index)) {
                    r[index] = bus.read32(core, address);
                    address = (address + 4) >>> 0;
                }
            }
            if (!(op & (1 << base))) {
                r[base] = address;
            }
            return 1 + ones(op & 0xff);
        }
        case 0b11010:
        case 0b11011: {
            const condition = (op >>> 8) & 15;
            if (condition < 14) {
                if (!holds(core, condition)) {
                    return 1;
                }
                r[PC] = at + 4 + (((op & 0xff) << 24) >> 23);
                return 2;
            }
            if (condition === 15) {
                core.pendingSVCall = true;
                core.interruptsUpdated = true;
                return 1;
            }
            throw new Fault(`undefined instruction ${hex(op)}`);
        }
        case 0b11100: // B
            r[PC] = at + 4 + (((op & 0x7ff) << 21) >> 20);
            return 2;
        case 0b11110:
            return wide(core, op, at);
        default:
            throw new Fault(`undefined instruction ${hex(op)}`);
    }
}

/** Returns the cycles beyond the first that an access takes. */
function cyclesOf(core, address, isWrite) {
    return (address >>> 28 & 0b1100) === 0 && address >>> 28 !== 4 ? 1 : core.cyclesIO(address, isWrite);
}

/** ADD, CMP, MOV on all registers; BX, BLX. */
function high(core, op) {
    const r = core.registers;
    const d = ((op >>> 4) & 8) | (op & 7);
    const m = (op >>> 3) & 15;
    const operand = m === PC ? r[PC] + 2 : r[m];
    switch ((op >>> 8) & 3) {
        case 0:
            return put(core, d, (d === PC ? r[PC] + 2 : r[d]) + operand);
        case 1:
            subtract(core, r[d], operand, 1);
            return 1;
        case 2:
            if (d === m && d >= 9 && d <= 12) {
                core.mark(d);
            }
            return put(core, d, operand);
        default:
            if (op & 0x80) {
                r[LR] = r[PC] | 1;
            }
            jump(core, operand);
            return 2;
    }
}

/** Writes one of all registers; returns the cycles. */
function put(core, register, value) {
    if (register === PC) {
        core.registers[PC] = value & ~1;
        return 2;
    }
    core.registers[register] = register === SP ? value & ~3 : value;
    return 1;
}

/** BX: to Thumb code, or back from an exception. */
function jump(core, address) {
    if (core.IPSR && address >>> 28 === 15) {
        core.exceptionReturn(address & 0x0fff_ffff);
        core.PC &= ~1;
    } else if (address & 1) {
        core.registers[PC] = address & ~1;
    } else {
        throw new Fault(`a branch to ${hex(address)}, which would leave Thumb`);
    }
}

/** Loads and stores at the sum of two registers. */
function byRegister(core, op) {
    const r = core.registers;
    const bus = core.chip.bus;
    const address = (r[(op >>> 3) & 7] + r[(op >>> 6) & 7]) >>> 0;
    const t = op & 7;
    switch ((op >>> 9) & 7) {
        case 0:
            bus.write32(core, address, r[t]);
            return 1 + cyclesOf(core, address, true);
        case 1:
            bus.write16(core, address, r[t]);
            return 1 + cyclesOf(core, address, true);
        case 2:
            bus.write8(core, address, r[t]);
            return 1 + cyclesOf(core, address, true);
        case 3:
            r[t] = (bus.read8(core, address) << 24) >> 24;
            break;
        case 4:
            r[t] = bus.read32(core, address);
            break;
        case 5:
            r[t] = bus.read16(core, address);
            break;
        case 6:
            r[t] = bus.read8(core, address);
            break;
        default:
            r[t] = (bus.read16(core, address) << 16) >> 16;
    }
    return 1 + cyclesOf(core, address, false);
}

/** SP, extensions, PUSH and POP, CPS, REV, BKPT, hints. */
function miscellaneous(core, op) {
    const r = core.registers;
    const bus = core.chip.bus;
    const d = op & 7;
    const value = r[(op >>> 3) & 7];
    switch ((op >>> 8) & 15) {
        case 0b0000:
            r[SP] += op & 0x80 ? -((op & 0x7f) << 2) : (op & 0x7f) << 2;
            return 1;
        case 0b0010:
            switch ((op >>> 6) & 3) {
                case 0:
                    r[d] = (value << 16) >> 16;
                    return 1;
                case 1:
                    r[d] = (value << 24) >> 24;
                    return 1;
                case 2:
                    r[d] = value & 0xffff;
                    return 1;
                default:
                    r[d] = value & 0xff;
                    return 1;
            }
        case 0b0100:
        case 0b0101: {
            const count = ones(op & 0xff) + ((op >>> 8) & 1);
            let address = (r[SP] - 4 * count) >>> 0;
            const stack = address;
            for (let index = 0; index < 8; index++) {
                if (op & (1 << index)) {
                    bus.write32(core, address, r[index]);
                    address = (address + 4) >>> 0;
                }
            }
            if (op & 0x100) {
                bus.write32(core, address, r[LR]);
            }
            r[SP] = stack;
            return 1 + count;
        }
        case 0b0110:
            if (op === 0xb662 || op === 0xb672) {
                core.PM = op === 0xb672;
                core.interruptsUpdated ||= !core.PM;
                return 1;
            }
            break;
        case 0b1010:
            if (((op >>> 6) & 3) === 0) {
                r[d] = (value << 24) | ((value << 8) & 0xff_0000) | ((value >>> 8) & 0xff00) | (value >>> 24);
                return 1;
            }
            if (((op >>> 6) & 3) === 1) {
                r[d] = ((value << 8) & 0xff00_ff00) | ((value >>> 8) & 0x00ff_00ff);
                return 1;
            }
            if (((op >>> 6) & 3) === 3) {
                r[d] = (((value << 8) | ((value >>> 8) & 0xff)) << 16) >> 16;
                return 1;
            }
            break;
        case 0b1100:
        case 0b1101: {
            let address = r[SP];
            for (let index = 0; index < 8; index++) {
                if (op & (1 << index)) {
                    r[index] = bus.read32(core, address);
                    address = (address + 4) >>> 0;
                }
            }
            const count = ones(op & 0xff);
            if (op & 0x100) {
                const target = bus.read32(core, address);
                r[SP] = address + 4;
                jump(core, target);
                return 4 + count;
            }
            r[SP] = address;
            return 1 + count;
        }
        case 0b1110:
            return breakpoint(core, op & 0xff);
        case 0b1111:
            return hint(core, op);
    }
    throw new Fault(`undefined instruction ${hex(op)}`);
}

/** A call of semihosting, or of our boot ROM; anything else is a fault, as without a debugger. */
function breakpoint(core, number) {
    if (core.at < 0x4000) {
        return core.chip.rom.call(core, number);
    }
    if (number !== SEMIHOSTING) {
        throw new Fault(`breakpoint ${number}`);
    }
    core.chip.semihosting.call(core);
    return 1;
}

/** NOP, YIELD, WFE, WFI, SEV. */
function hint(core, op) {
    switch (op) {
        case 0xbf20:
            if (core.eventRegistered) {
                core.eventRegistered = false;
            } else {
                core.rest(Sleep.event);
                core.reconsider();
            }
            return 2;
        case 0xbf30:
            core.rest(Sleep.interrupt);
            core.reconsider();
            return 2;
        case 0xbf40:
            for (const each of core.chip.cores) {
                each.hearEvent(core.cycles + 1);
            }
            return 1;
        default:
            if (op & 15) {
                throw new Fault(`undefined instruction ${hex(op)}`); // IT, which Armv6-M has not
            }
            return 1;
    }
}

/** BL; the rest is rare. */
function wide(core, op, at) {
    const second = core.chip.bus.fetch(core, (at + 2) >>> 0);
    if ((second & 0xd000) === 0xd000) {
        const sign = (op >>> 10) & 1;
        const i1 = 1 ^ sign ^ ((second >>> 13) & 1);
        const i2 = 1 ^ sign ^ ((second >>> 11) & 1);
        const offset = (-sign << 24) | (i1 << 23) | (i2 << 22) | ((op & 0x3ff) << 12) | ((second & 0x7ff) << 1);
        core.registers[LR] = (at + 4) | 1;
        core.registers[PC] = at + 4 + offset;
        return 3;
    }
    const isSpecial = op === 0xf3ef || (op & 0xfff0) === 0xf380;
    if (!isSpecial && !(op === 0xf3bf && [0x8f40, 0x8f50, 0x8f60].includes(second & 0xfff0))) {
        throw new Fault(`undefined instruction ${hex((op << 16) | second)}`);
    }
    core.registers[PC] = at;
    const before = core.cycles;
    const cycles = CortexM0Core.prototype.executeInstruction.call(core);
    core.cycles = before;
    return cycles;
}
