// The RP2040: rp2040js's memories and peripherals, two cores, and one time. The core with the smaller clock steps next, of equals
// core 0, so that a run depends on nothing but the firmware.

import { Bus } from "./bus.mjs";
import { Core, Fault, Sleep, hex } from "./core.mjs";
import { Counts } from "./counts.mjs";
import { CorePpb } from "./ppb.mjs";
import { Rom } from "./rom.mjs";
import { BasePeripheral, RP2040 } from "./rp2040js.mjs";
import { Rtt } from "./rtt.mjs";
import { Semihosting } from "./semihosting.mjs";
import { CoreSio, Launcher } from "./sio.mjs";

const FLASH = 0x1000_0000;
const RAM = 0x2000_0000;
/** Where the boot ROM's second stage expects the vector table, and where one may lie that has no such stage before it. */
const VECTORS = [0x1000_0100, 0x1000_0000];
/** The power-on state machine's block, its register FRCE_OFF, and the bit of core 1 there. */
const PSM = 0x40010;
const FRCE_OFF = 4;
const PROC1 = 1 << 16;
/** The serial interface of the flash: its register that enables it. */
const SSI = 0x18000;
const SSIENR = 8;
/** The cache in front of flash, which rp2040js lacks: there is none here, it is flushed, and nothing streams. */
const XIP_CTRL = 0x14000;
const [XIP_FLUSH, XIP_STAT] = [4, 8];
/** Clock cycles between two looks at what the firmware writes for a debugger. */
const POLL = 200_000;

class XipControl extends BasePeripheral {
    readUint32(offset) {
        return offset === XIP_FLUSH ? 1 : offset === XIP_STAT ? 3 : 0;
    }

    writeUint32() {}
}

export class Chip extends RP2040 {
    /** `options`: `say(text)` for what the firmware prints, `verbose` for what rp2040js has to remark. */
    constructor(options) {
        super();
        const remark = (kind) => (name, text) => options.verbose && this.note(`${kind}: ${name}: ${text}`);
        this.logger = { debug() {}, info() {}, warn: remark("warning"), error: remark("error") };
        this.bus = new Bus(this);
        this.counts = new Counts(this);
        this.rom = new Rom(this);
        this.semihosting = new Semihosting(this, options.say);
        this.rtt = new Rtt(this, options.say);
        this.attention = false;
        this.nanosPerCycle = 1e9 / this.clkSys;
        /** The time, in cycles of core 0's kind, up to which the clock of the peripherals has gone. */
        this.caughtUp = 0;
        this.status = undefined;
        this.ending = undefined;
        this.cores = [0, 1].map((number) => new Core(this, number));
        let common;
        for (const core of this.cores) {
            // What rp2040js has once for its one core.
            const view = Object.create(this, { core: { value: core } });
            core.ppb = new CorePpb(view, core);
            core.sio = new CoreSio(view, core, common);
            common ??= core.sio;
            core.launcher = new Launcher(core);
        }
        [this.core] = this.cores;
        this.current = this.core;
        this.sio = common;
        this.ppb = this.core.ppb;
        this.cores[1].rest(Sleep.off);
        this.peripherals[XIP_CTRL] = new XipControl(this, "XIP_CTRL");
        this.watchRegisters();
    }

    /** Has power and flash follow what is written to their registers. */
    watchRegisters() {
        const psm = this.peripherals[PSM];
        const [writePsm, ssi] = [psm.writeUint32.bind(psm), this.peripherals[SSI]];
        psm.writeUint32 = (offset, value) => {
            writePsm(offset, value);
            if (offset === FRCE_OFF && value & PROC1) {
                this.cores[1].powerOff();
                this.cores[1].launcher.reset();
                this.cores[1].sio.inbox.length = 0;
            }
        };
        const writeSsi = ssi.writeUint32.bind(ssi);
        ssi.writeUint32 = (offset, value) => {
            writeSsi(offset, value);
            if (offset === SSIENR && value & 1) {
                this.bus.flashIsMapped = true;
            }
        };
    }

    /** Puts the segments of a program into flash and RAM, and core 0 at its entry. */
    load(segments) {
        for (const { address, bytes } of segments) {
            const memory = [[FLASH, this.flash], [RAM, this.sram]].find(
                ([start, room]) => address >= start && address + bytes.length <= start + room.length,
            );
            if (!memory) {
                throw new Error(`the program has ${bytes.length} bytes at ${hex(address)}, where there is no memory`);
            }
            memory[1].set(bytes, address - memory[0]);
        }
        const isEntry = (at) => {
            const [stack, entry] = [0, 4].map((offset) => this.bus.read32(this.core, at + offset));
            return stack >>> 24 === RAM >>> 24 && (entry >>> 28 === 1 || entry >>> 28 === 2) && entry & 1;
        };
        const vectors = VECTORS.find(isEntry);
        if (vectors === undefined) {
            throw new Error(`the program has no vector table at ${VECTORS.map(hex).join(" or ")}`);
        }
        this.core.VTOR = vectors;
        this.core.SP = this.bus.read32(this.core, vectors);
        this.core.PC = this.bus.read32(this.core, vectors + 4) & ~1;
    }

    /** The time: the clock of the core that runs. */
    get now() {
        return this.current.cycles;
    }

    /** Runs until the firmware ends, or at most so many cycles. */
    run(limit) {
        this.limit = limit;
        while (this.ending === undefined) {
            try {
                this.turn();
            } catch (error) {
                if (!(error instanceof Fault)) {
                    throw error;
                }
                this.current.takeFault(error);
            }
        }
        this.rtt.poll();
    }

    /** Lets one core go on until the other is behind it, an alarm is due, or something happened. */
    turn() {
        const [first, second] = this.cores;
        let core;
        if (first.waiting) {
            core = second.waiting ? this.sleepers() : second;
        } else {
            core = !second.waiting && second.cycles < first.cycles ? second : first;
        }
        if (!core) {
            return;
        }
        this.current = core;
        const alarm = this.alarmAt();
        if (core.cycles >= alarm) {
            this.catchUp();
            return;
        }
        const { other } = core;
        const theirs = other.waiting ? Infinity : other.cycles + 1 - core.number;
        const until = Math.min(theirs, alarm, core.cycles + POLL);
        this.attention = false;
        do {
            core.step();
        } while (core.cycles < until && !this.attention);
        if (core.cycles >= this.limit) {
            this.end(undefined, `did not end within ${this.limit} clock cycles`);
        }
        this.rtt.pollNow(core.cycles, POLL);
    }

    /** With both cores asleep: goes to the next alarm. */
    sleepers() {
        const alarm = this.alarmAt();
        if (alarm === Infinity || alarm > this.limit) {
            const why = alarm === Infinity ? "both cores sleep, and nothing would wake them" : "the cores sleep until the limit";
            this.end(undefined, why);
            return;
        }
        // Time has no core that runs: it is that of the one whose clock is put forward.
        [this.current] = this.cores;
        this.current.slept += Math.max(0, alarm - this.current.cycles);
        this.current.cycles = Math.max(this.current.cycles, alarm);
        this.catchUp();
    }

    /** The time of the next alarm of a peripheral, in cycles. */
    alarmAt() {
        const alarm = this.clock.nextAlarm;
        return alarm ? this.caughtUp + Math.max(0, Math.ceil((alarm.nanos - this.clock.nanos) / this.nanosPerCycle)) : Infinity;
    }

    /** Brings the clock of the peripherals up to now. */
    catchUp() {
        const { now } = this;
        // With no time between, too: an alarm may be due at once.
        if (now >= this.caughtUp) {
            const nanos = (now - this.caughtUp) * this.nanosPerCycle;
            this.caughtUp = now;
            this.clock.tick(nanos);
        }
        for (const core of this.cores) {
            if (core.interruptsUpdated) {
                core.reconsider();
            }
        }
    }

    updateClkSys() {
        super.updateClkSys();
        this.nanosPerCycle = 1e9 / this.clkSys;
    }

    /** An interrupt line of a peripheral goes to both cores. */
    setInterrupt(irq, level) {
        for (const core of this.cores ?? []) {
            core.setInterrupt(irq, level);
        }
    }

    /** Ends the run: with the firmware's status, or without one because of `why`. */
    end(status, why) {
        if (this.ending === undefined) {
            this.status = status;
            this.ending = why;
            this.attention = true;
        }
    }

    /** A fault while a fault is handled: nothing more can happen. */
    lockUp(core, fault) {
        this.note(`Lockup of core ${core.number} at ${hex(core.at)} (${fault.message}), R13=${hex(core.SP).slice(2)}`);
        this.end(undefined, `core ${core.number} locked up`);
    }

    /** Tells the person who runs this. */
    note(text) {
        process.stderr.write(`rp2040: ${text}\n`);
    }
}
