// One Cortex-M0+ of the chip: rp2040js's core, with instructions decoded by a table (execute.mjs), faults, sleep and its end,
// a clock of its own, and the markers that counting starts and stops at.

import { execute } from "./execute.mjs";
import { CortexM0Core } from "./rp2040js.mjs";

const NMI = 2;
const HARD_FAULT = 3;
/** The priority of a core that handles no exception: below all others. */
const IDLE = 4;
/** Cycles from the end of an instruction to the first of a handler: Cortex-M0+ TRM, "Exceptions". */
const ENTRY_CYCLES = 15;

/** Why an access or an instruction ends in a HardFault. */
export class Fault extends Error {}

/** How a core sleeps. */
export const Sleep = { none: 0, event: 1, interrupt: 2, off: 3 };

export class Core extends CortexM0Core {
    constructor(chip, number) {
        super(chip);
        this.chip = chip;
        this.number = number;
        this.sleep = Sleep.none;
        /** Instructions executed; clock cycles slept; instructions between the markers idle and busy. */
        this.instructions = 0;
        this.slept = 0;
        this.idled = 0;
        this.idleSince = undefined;
        /** The address of the instruction that runs. */
        this.at = 0;
    }

    /** The other core. */
    get other() {
        return this.chip.cores[1 - this.number];
    }

    get isOff() {
        return this.sleep === Sleep.off;
    }

    /** Begins with a vector table, a stack and an entry, at the time of the other core. */
    start(vectors, stack, entry) {
        this.powerOff();
        this.VTOR = vectors;
        this.SP = stack;
        this.PC = entry & ~1;
        this.wake(this.chip.now);
    }

    /** As after power-on, and waiting to be started. */
    powerOff() {
        const fresh = new CortexM0Core(this.chip);
        for (const name of ["N", "C", "Z", "V", "PM", "SPSEL", "nPRIV", "currentMode", "IPSR", "pendingNMI", "pendingPendSV",
            "pendingSVCall", "pendingSystick", "interruptsUpdated", "VTOR", "SHPR2", "SHPR3", "enabledInterrupts",
            "eventRegistered"]) {
            this[name] = fresh[name];
        }
        this.interruptPriorities = fresh.interruptPriorities;
        this.rest(Sleep.off);
    }

    /** Executes one instruction, or enters an exception first; its cycles are added to the clock. */
    step() {
        if (this.interruptsUpdated) {
            this.checkForInterrupts();
        }
        this.instructions++;
        this.cycles += execute(this);
    }

    /** Turns a fault of the running instruction into the exception that the core takes. */
    takeFault(fault) {
        if (this.IPSR === HARD_FAULT || this.IPSR === NMI) {
            this.chip.lockUp(this, fault);
            return;
        }
        this.chip.note(`core ${this.number}: ${fault.message} at ${hex(this.at)}`);
        this.PC = this.at;
        try {
            this.exceptionEntry(HARD_FAULT);
        } catch (error) {
            if (!(error instanceof Fault)) {
                throw error;
            }
            this.chip.lockUp(this, error);
        }
    }

    exceptionEntry(number) {
        super.exceptionEntry(number);
        this.PC &= ~1;
        this.cycles += ENTRY_CYCLES;
    }

    /** Sleeps from here on. */
    rest(how) {
        this.sleep = how;
        this.waiting = true;
        this.chip.attention = true;
    }

    /** Goes on at time `now`, or at its own if that is later. */
    wake(now) {
        if (now > this.cycles) {
            this.slept += now - this.cycles;
            this.cycles = now;
        }
        this.sleep = Sleep.none;
        this.waiting = false;
        this.chip.attention = true;
    }

    /** An event of SEV: ends WFE, or is remembered for the next. */
    hearEvent(now) {
        if (this.sleep === Sleep.event) {
            this.wake(now);
        } else if (this.sleep !== Sleep.off) {
            this.eventRegistered = true;
        }
    }

    /** The level of an interrupt line. */
    setInterrupt(irq, level) {
        const bit = 1 << irq;
        if (!level) {
            this.pendingInterrupts &= ~bit;
        } else if (!(this.pendingInterrupts & bit)) {
            this.pendingInterrupts |= bit;
            this.interruptsUpdated = true;
            this.reconsider();
        }
    }

    /** Ends the sleep if what is pending does. */
    reconsider() {
        if (this.waiting && this.endsSleep()) {
            this.wake(this.chip.now);
        }
    }

    /** WFI ends also where PRIMASK keeps the exception from being taken; WFE only where it is taken, or by SEVONPEND. */
    endsSleep() {
        if (this.sleep === Sleep.off) {
            return false;
        }
        if (this.sleep === Sleep.event && this.ppb.sendsEventOnPending && this.pendingInterrupts) {
            return true;
        }
        return (this.sleep === Sleep.interrupt || !this.PM) && this.pendingPriority() < this.exceptionPriority(this.IPSR);
    }

    /** The most urgent priority of what is pending and enabled. */
    pendingPriority() {
        if (this.pendingNMI) {
            return -2;
        }
        let least = IDLE;
        const lines = this.pendingInterrupts & this.enabledInterrupts;
        for (let priority = 0; priority < IDLE && lines; priority++) {
            if (lines & this.interruptPriorities[priority]) {
                least = priority;
                break;
            }
        }
        if (this.pendingPendSV) {
            least = Math.min(least, this.pendSVPriority);
        }
        return this.pendingSystick ? Math.min(least, this.systickPriority) : least;
    }

    /** A marker of the harness (`platform/arm.rs`): `mov rN, rN`. */
    mark(register) {
        if (register === 9) {
            this.chip.counts.start(this.number, this.branches);
        } else if (register === 10) {
            this.chip.counts.stop(this.number, this.branches);
        } else if (register === 11) {
            this.idleSince ??= this.instructions;
        } else {
            this.idled = this.idleInstructions;
            this.idleSince = undefined;
        }
    }

    /** The branches on either side of a marker of the harness, which are no work: one each, the second to what follows. */
    get branches() {
        return this.readUint16(this.PC) === 0xe7ff ? 1 : 0;
    }

    /** Instructions executed while only waiting. */
    get idleInstructions() {
        return this.idled + (this.idleSince === undefined ? 0 : this.instructions - this.idleSince);
    }

    // The accesses that rp2040js's code makes (exceptions) are checked like those of instructions.

    readUint32(address) {
        return this.chip.bus.read32(this, address >>> 0);
    }

    readUint16(address) {
        return this.chip.bus.read16(this, address >>> 0);
    }

    writeUint32(address, value) {
        this.chip.bus.write32(this, address >>> 0, value);
    }
}

/** Returns a number as 0x and eight digits. */
export function hex(number) {
    return `0x${(number >>> 0).toString(16).padStart(8, "0")}`;
}
