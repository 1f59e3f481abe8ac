// A boot ROM of our own, as small as firmware lets it be: the table of functions with those that erase and write flash, and
// those that copy and fill memory. Each is a breakpoint that we serve, and a return. The real one is not ours to copy; its arithmetic and USB are not
// here, and asking for one of them gives the null pointer that stands for "not in this version".
//
// Erasing and writing take the time below on the core that calls, far less than any flash takes, so that tests are short. While
// flash is not mapped, from `flash_exit_xip` to `flash_enter_cmd_xip` or to the second stage's enabling of the SSI, a read of it
// by any core is a fault.

const MAGIC = 0x10;
const FUNCTIONS = 0x14;
const LOOKUP = 0x18;
const TABLE = 0x100;
const STUBS = 0x200;
const VERSION = 3; // of the chips since 2021, B2

const SECTOR = 4096;
const PAGE = 256;
const ERASE_CYCLES = 100_000;
const PROGRAM_CYCLES = 10_000;

/** The functions, by the two letters that firmware asks for; the first is the look-up itself. */
const CALLS = [
    ["  ", (rom, core) => rom.lookUp(core)],
    ["IF", () => 0],
    ["EX", (rom) => rom.unmap()],
    ["RE", (rom, core) => rom.erase(core)],
    ["RP", (rom, core) => rom.program(core)],
    ["FC", () => 0],
    ["CX", (rom) => rom.map()],
    ["MC", (rom, core) => rom.copy(core)],
    ["C4", (rom, core) => rom.copy(core)],
    ["MS", (rom, core) => rom.fill(core)],
    ["S4", (rom, core) => rom.fill(core)],
];

export class Rom {
    constructor(chip) {
        this.chip = chip;
        const bytes = new DataView(chip.bootrom.buffer);
        [0x4d, 0x75, 0x01, VERSION].forEach((byte, index) => bytes.setUint8(MAGIC + index, byte));
        bytes.setUint16(FUNCTIONS, TABLE, true);
        bytes.setUint16(LOOKUP, STUBS | 1, true);
        CALLS.forEach(([name], index) => {
            const stub = STUBS + 4 * index;
            bytes.setUint16(stub, 0xbe00 | index, true); // bkpt
            bytes.setUint16(stub + 2, 0x4770, true); // bx lr
            if (index > 0) {
                bytes.setUint16(TABLE + 4 * (index - 1), code(name), true);
                bytes.setUint16(TABLE + 4 * (index - 1) + 2, stub | 1, true);
            }
        });
    }

    /** Serves the breakpoint of a stub; returns its cycles. */
    call(core, index) {
        return 1 + CALLS[index][1](this, core);
    }

    /** `rom_table_lookup(table, code)`. */
    lookUp(core) {
        const [table, wanted] = core.registers;
        const bytes = new DataView(this.chip.bootrom.buffer);
        core.registers[0] = 0;
        for (let at = table; bytes.getUint16(at, true); at += 4) {
            if (bytes.getUint16(at, true) === (wanted & 0xffff)) {
                core.registers[0] = bytes.getUint16(at + 2, true);
            }
        }
        return 0;
    }

    unmap() {
        this.chip.bus.flashIsMapped = false;
        return 0;
    }

    map() {
        this.chip.bus.flashIsMapped = true;
        return 0;
    }

    /** `flash_range_erase(offset, count, block size, block command)`. */
    erase(core) {
        const [offset, count] = core.registers;
        this.check(core, offset, count, SECTOR, "erased");
        this.chip.flash.fill(0xff, offset, offset + count);
        return (count / SECTOR) * ERASE_CYCLES;
    }

    /** `flash_range_program(offset, data, count)`: bits can only become 0. */
    program(core) {
        const [offset, data, count] = core.registers;
        this.check(core, offset, count, PAGE, "written");
        for (let index = 0; index < count; index++) {
            this.chip.flash[offset + index] &= this.chip.bus.read8(core, data + index);
        }
        return (count / PAGE) * PROGRAM_CYCLES;
    }

    /** `memcpy(to, from, count)`, a byte a cycle. */
    copy(core) {
        const [to, from, count] = core.registers;
        for (let index = 0; index < count; index++) {
            this.chip.bus.write8(core, to + index, this.chip.bus.read8(core, from + index));
        }
        return count;
    }

    /** `memset(to, value, count)`, a byte a cycle. */
    fill(core) {
        const [to, value, count] = core.registers;
        for (let index = 0; index < count; index++) {
            this.chip.bus.write8(core, to + index, value & 0xff);
        }
        return count;
    }

    check(core, offset, count, unit, what) {
        if (this.chip.bus.flashIsMapped) {
            this.chip.note(`core ${core.number}: flash is ${what} while it is mapped`);
            this.chip.end(undefined, "a call of the boot ROM that would hang");
        }
        if (offset % unit || count % unit || offset + count > this.chip.flash.length) {
            this.chip.note(`core ${core.number}: flash cannot be ${what} at ${offset}, ${count} bytes`);
            this.chip.end(undefined, "a call of the boot ROM with a wrong range");
        }
    }
}

/** Returns two letters as the table has them. */
function code(name) {
    return name.charCodeAt(0) | (name.charCodeAt(1) << 8);
}
