// The single-cycle I/O block as each core sees it: its number, its ends of the two FIFOs, its own divider and interpolators;
// spinlocks and pins are common to both.

import { RPSIO } from "./rp2040js.mjs";

const CPUID = 0x00;
const FIFO_ST = 0x50;
const FIFO_WR = 0x54;
const FIFO_RD = 0x58;
/** Words that a FIFO holds. */
const DEPTH = 8;
/** The interrupt of core 0 when its FIFO has something; that of core 1 follows. */
const SIO_IRQ_PROC0 = 15;
const [VALID, READY, OVERFLOW, UNDERFLOW] = [1, 2, 4, 8];
/** What rp2040js keeps in its one SIO and both cores see. */
const COMMON = ["gpioValue", "gpioOutputEnable", "qspiGpioValue", "qspiGpioOutputEnable", "spinLock"];

export class CoreSio extends RPSIO {
    /** `chip` as `core` sees it; `common` is the SIO that keeps what both cores see. */
    constructor(chip, core, common) {
        super(chip);
        this.owner = core;
        this.inbox = [];
        this.faults = 0;
        if (common) {
            for (const name of COMMON) {
                Object.defineProperty(this, name, {
                    get: () => common[name],
                    set: (value) => {
                        common[name] = value;
                    },
                });
            }
        }
    }

    readUint32(offset) {
        switch (offset) {
            case CPUID:
                return this.owner.number;
            case FIFO_ST:
                return (this.inbox.length ? VALID : 0) | (this.isFull ? 0 : READY) | this.faults;
            case FIFO_RD:
                return this.receive();
            default:
                return super.readUint32(offset);
        }
    }

    writeUint32(offset, value) {
        switch (offset) {
            case FIFO_ST:
                this.faults = 0; // writing clears the two flags of faults, whatever is written
                this.updateInterrupt();
                break;
            case FIFO_WR:
                this.send(value >>> 0);
                break;
            default:
                super.writeUint32(offset, value);
        }
    }

    /** Whether the FIFO to the other core takes nothing more. */
    get isFull() {
        return this.owner.other.sio.inbox.length >= DEPTH;
    }

    send(value) {
        const { other } = this.owner;
        if (other.isOff) {
            other.launcher.hear(value);
        } else if (this.isFull) {
            this.faults |= OVERFLOW;
            this.updateInterrupt();
        } else {
            other.sio.deliver(value);
        }
    }

    /** Puts a word into the FIFO to this core. */
    deliver(value) {
        this.inbox.push(value);
        this.updateInterrupt();
    }

    receive() {
        const value = this.inbox.shift();
        if (value === undefined) {
            this.faults |= UNDERFLOW;
        }
        this.updateInterrupt();
        return value ?? 0;
    }

    updateInterrupt() {
        this.owner.setInterrupt(SIO_IRQ_PROC0 + this.owner.number, this.inbox.length > 0 || this.faults !== 0);
    }
}

/** What the boot ROM does on core 1: it waits for 0, 0, 1, vector table, stack pointer, entry, and answers each with itself. */
export class Launcher {
    constructor(core) {
        this.core = core;
        this.reset();
    }

    reset() {
        this.heard = [];
    }

    hear(value) {
        const expected = [0, 0, 1][this.heard.length];
        if (expected !== undefined && value !== expected) {
            // Out of step: from the start again, of which this may be the first word.
            this.heard = [];
        }
        if (value === [0, 0, 1][this.heard.length] || this.heard.length >= 3) {
            this.heard.push(value);
        }
        this.core.other.sio.deliver(value);
        if (this.heard.length === 6) {
            const [, , , vectors, stack, entry] = this.heard;
            this.reset();
            this.core.start(vectors, stack, entry);
        }
    }
}
