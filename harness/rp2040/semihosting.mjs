// Arm's semihosting: the firmware's files in our working directory, its console, and its way out.

import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";

/** C's modes of fopen, without and with b: r, r+, w, w+, a, a+. */
const MODES = ["r", "r", "r+", "r+", "w", "w", "w+", "w+", "a", "a", "a+", "a+"];
const CONSOLE = ":tt";
const FAILED = 0xffff_ffff;
/** `ADP_Stopped_ApplicationExit`: the program ends by itself. */
const APPLICATION_EXIT = 0x2_0026;

export class Semihosting {
    constructor(chip, say) {
        this.chip = chip;
        this.say = say;
        this.files = new Map();
        this.handles = 0;
    }

    /** The call that r0 and r1 of a core ask for; the answer goes into r0. */
    call(core) {
        const [operation, block] = core.registers;
        const handle = OPERATIONS[operation];
        if (!handle) {
            this.chip.note(`semihosting operation ${operation} is unknown`);
        }
        core.registers[0] = handle ? handle(this, new Parameters(core, block)) : FAILED;
    }
}

/** The block of words that a call's parameter is. */
class Parameters {
    constructor(core, block) {
        this.core = core;
        this.block = block;
        this.bus = core.chip.bus;
    }

    word(index) {
        return this.bus.read32(this.core, this.block + 4 * index);
    }

    bytes(address, count) {
        return Uint8Array.from({ length: count }, (_, index) => this.bus.read8(this.core, address + index));
    }

    string(address) {
        let end = address;
        while (this.bus.read8(this.core, end) !== 0) {
            end++;
        }
        return Buffer.from(this.bytes(address, end - address)).toString("utf8");
    }

    put(address, bytes) {
        bytes.forEach((byte, index) => this.bus.write8(this.core, address + index, byte));
    }
}

const OPERATIONS = {
    /** SYS_OPEN: name, mode, length of the name. */
    0x01(host, call) {
        const name = Buffer.from(call.bytes(call.word(0), call.word(2))).toString("utf8");
        const handle = host.handles + 1;
        try {
            const file = name === CONSOLE ? CONSOLE : openSync(name, MODES[call.word(1)] ?? "r");
            host.files.set(handle, { file, position: 0 });
        } catch {
            return FAILED;
        }
        host.handles = handle;
        return handle;
    },

    /** SYS_CLOSE */
    0x02(host, call) {
        const opened = host.files.get(call.word(0));
        if (opened && opened.file !== CONSOLE) {
            closeSync(opened.file);
        }
        return host.files.delete(call.word(0)) ? 0 : FAILED;
    },

    /** SYS_WRITEC */
    0x03(host, call) {
        host.say(String.fromCharCode(call.bytes(call.block, 1)[0]));
        return 0;
    },

    /** SYS_WRITE0 */
    0x04(host, call) {
        host.say(call.string(call.block));
        return 0;
    },

    /** SYS_WRITE: handle, bytes, count; returns how many were not written. */
    0x05(host, call) {
        const opened = host.files.get(call.word(0));
        const bytes = call.bytes(call.word(1), call.word(2));
        if (!opened) {
            return bytes.length;
        }
        if (opened.file === CONSOLE) {
            host.say(Buffer.from(bytes).toString("utf8"));
        } else {
            opened.position += writeSync(opened.file, bytes, 0, bytes.length, opened.position);
        }
        return 0;
    },

    /** SYS_READ: handle, room, count; returns how many are missing. */
    0x06(host, call) {
        const opened = host.files.get(call.word(0));
        const count = call.word(2);
        if (!opened || opened.file === CONSOLE) {
            return count;
        }
        const bytes = new Uint8Array(count);
        const read = readSync(opened.file, bytes, 0, count, opened.position);
        opened.position += read;
        call.put(call.word(1), bytes.subarray(0, read));
        return count - read;
    },

    /** SYS_ISTTY */
    0x09: (host, call) => (host.files.get(call.word(0))?.file === CONSOLE ? 1 : 0),

    /** SYS_SEEK: handle, position. */
    0x0a(host, call) {
        const opened = host.files.get(call.word(0));
        if (!opened || opened.file === CONSOLE) {
            return FAILED;
        }
        opened.position = call.word(1);
        return 0;
    },

    /** SYS_FLEN */
    0x0c(host, call) {
        const opened = host.files.get(call.word(0));
        return opened && opened.file !== CONSOLE ? fstatSync(opened.file).size : FAILED;
    },

    /** SYS_EXIT: the reason itself. */
    0x18(host, call) {
        host.chip.end(call.block === APPLICATION_EXIT ? 0 : 1, "exit");
        return 0;
    },

    /** SYS_EXIT_EXTENDED: reason, status. */
    0x20(host, call) {
        host.chip.end(call.word(0) === APPLICATION_EXIT ? call.word(1) & 0xff : 1, "exit");
        return 0;
    },
};
