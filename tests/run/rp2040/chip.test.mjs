// What the two cores have in common: events, FIFOs, the boot ROM's hand-shake, interrupts, time, flash. `node chip.test.mjs HARNESS`.

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const harness = (file) => import(pathToFileURL(join(process.argv[2], file)).href);
const { Chip } = await harness("chip.mjs");
const { segments } = await harness("elf.mjs");

const [NOP, WFE, WFI, SEV, CPSID, STAY] = [0xbf00, 0xbf20, 0xbf30, 0xbf40, 0xb672, 0xe7fe];
const RAM = 0x2000_0000;
const PLACES = [RAM + 0x1000, RAM + 0x2000];
const VECTORS = RAM + 0x3000;
const HANDLER = RAM + 0x4000;
const FIFO = { status: 0x50, write: 0x54, read: 0x58 };
const TIMER = 0x4005_4000;

/** A chip whose cores have these instructions; core 1 is off where it has none. */
function chip(...programs) {
    const made = new Chip({ say() {}, verbose: false });
    made.note = () => {};
    made.limit = 1e9;
    for (let number = 0; number < 48; number++) {
        made.sramView.setUint32(VECTORS - RAM + 4 * number, HANDLER | 1, true);
    }
    made.sramView.setUint16(HANDLER - RAM, STAY, true);
    programs.forEach((program, number) => {
        program.forEach((op, index) => made.sramView.setUint16(PLACES[number] - RAM + 2 * index, op, true));
        made.cores[number].start(VECTORS, RAM + 0x8000 + 0x1000 * number, PLACES[number] | 1);
        made.cores[number].cycles = 0;
    });
    return made;
}

/** Lets the chip run until core 0 has come to the end of its time. */
function runTo(made, cycles) {
    while (made.ending === undefined && made.cores[0].cycles < cycles) {
        made.turn();
    }
}

const tests = {
    "an event wakes the other core at the time of SEV"() {
        const made = chip([NOP, NOP, NOP, NOP, SEV, STAY], [WFE, NOP, STAY]);
        runTo(made, 5);
        assert.equal(made.cores[1].cycles, 5);
        assert.equal(made.cores[1].slept, 3);
        assert.ok(!made.cores[1].waiting);
    },

    "an event before WFE is not lost, and is used up"() {
        const made = chip([SEV, STAY], [NOP, NOP, NOP, WFE, WFE]);
        runTo(made, 20);
        assert.equal(made.cores[1].PC, PLACES[1] + 10);
        assert.ok(made.cores[1].waiting);
        assert.equal(made.cores[1].instructions, 5);
    },

    "the core with the smaller clock steps next"() {
        const made = chip([STAY], [NOP, NOP, NOP, NOP, NOP, NOP, STAY]);
        const order = [];
        for (const core of made.cores) {
            const { step } = core;
            core.step = () => {
                order.push(core.number);
                step.call(core);
            };
        }
        runTo(made, 6);
        // Branches of core 0 take two cycles, NOPs of core 1 one.
        assert.deepEqual(order, [0, 1, 1, 0, 1, 1, 0]);
    },

    "masked, an interrupt ends WFI and is not taken"() {
        const made = chip([CPSID, WFI, NOP, STAY]);
        const [core] = made.cores;
        core.enabledInterrupts = 1 << 4;
        runTo(made, 3);
        assert.ok(core.waiting);
        made.setInterrupt(4, true);
        assert.ok(!core.waiting);
        made.turn();
        assert.equal(core.PC & ~1, PLACES[0] + 6);
        assert.equal(core.IPSR, 0);
    },

    "unmasked, it ends WFE and is taken, on the core that enabled it"() {
        const made = chip([WFE, STAY], [WFE, STAY]);
        made.cores[1].enabledInterrupts = 1 << 4;
        made.turn();
        made.turn();
        made.setInterrupt(4, true);
        assert.deepEqual(made.cores.map((core) => core.waiting), [true, false]);
        made.turn();
        assert.equal(made.cores[1].IPSR, 16 + 4);
        assert.equal(made.cores[1].PC, HANDLER);
    },

    "alarms of the timer come in time, 125 cycles for a microsecond"() {
        const made = chip([WFI, STAY]);
        const [core] = made.cores;
        core.enabledInterrupts = 1;
        made.bus.write32(core, TIMER + 0x38, 1);
        made.bus.write32(core, TIMER + 0x10, 40);
        runTo(made, 100);
        assert.equal(core.cycles - core.slept, 2);
        runTo(made, 5100);
        // Waking, entry to the handler, and the handler's branches.
        assert.ok(core.slept === 40 * 125 - 2 && core.IPSR === 16, `${core.slept}`);
    },

    "an alarm for this very moment comes at once"() {
        const made = chip([WFI, STAY]);
        const [core] = made.cores;
        core.enabledInterrupts = 1;
        made.bus.write32(core, TIMER + 0x38, 1);
        made.bus.write32(core, TIMER + 0x10, 0);
        runTo(made, 60);
        assert.equal(core.IPSR, 16);
    },

    "two cores that sleep for ever end the run"() {
        const made = chip([WFE, WFE], [WFE, WFE]);
        runTo(made, 1e6);
        assert.equal(made.status, undefined);
        assert.match(made.ending, /both cores sleep/);
    },

    "FIFOs lead to the other core, hold eight words, and interrupt"() {
        const made = chip([STAY], [STAY]);
        const [zero, one] = made.cores.map((core) => core.sio);
        assert.equal(zero.readUint32(0), 0);
        assert.equal(one.readUint32(0), 1);
        for (let word = 1; word <= 8; word++) {
            assert.equal(zero.readUint32(FIFO.status) & 2, 2);
            zero.writeUint32(FIFO.write, word);
        }
        assert.equal(zero.readUint32(FIFO.status), 0);
        zero.writeUint32(FIFO.write, 9);
        assert.equal(zero.readUint32(FIFO.status), 4);
        assert.equal(one.readUint32(FIFO.status), 3);
        assert.ok(made.cores[1].pendingInterrupts & (1 << 16));
        for (let word = 1; word <= 8; word++) {
            assert.equal(one.readUint32(FIFO.read), word);
        }
        assert.ok(!(made.cores[1].pendingInterrupts & (1 << 16)));
        one.readUint32(FIFO.read);
        assert.equal(one.readUint32(FIFO.status), 2 | 8);
        one.writeUint32(FIFO.status, 0);
        assert.equal(one.readUint32(FIFO.status), 2);
    },

    "spinlocks and pins are common, dividers are not"() {
        const made = chip([STAY], [STAY]);
        const [zero, one] = made.cores.map((core) => core.sio);
        assert.notEqual(zero.readUint32(0x17c), 0);
        assert.equal(one.readUint32(0x17c), 0);
        zero.writeUint32(0x17c, 1);
        assert.notEqual(one.readUint32(0x17c), 0);
        zero.writeUint32(0x60, 77);
        zero.writeUint32(0x64, 7);
        one.writeUint32(0x60, 9);
        one.writeUint32(0x64, 3);
        assert.equal(zero.readUint32(0x70) | 0, 11);
        assert.equal(one.readUint32(0x70) | 0, 3);
    },

    "the boot ROM starts core 1 behind the hand-shake, and again after it was powered off"() {
        const made = chip([STAY]);
        const [core, second] = made.cores;
        made.sramView.setUint16(PLACES[1] - RAM, STAY, true);
        for (const words of [[5, 0, 0, 1], [0, 7, 0, 0, 1]]) {
            assert.ok(second.isOff);
            for (const word of [...words, VECTORS, RAM + 0x9000, PLACES[1] | 1]) {
                core.sio.writeUint32(FIFO.write, word);
                assert.equal(core.sio.readUint32(FIFO.read), word >>> 0);
            }
            assert.ok(!second.waiting);
            assert.deepEqual([second.PC, second.SP, second.VTOR], [PLACES[1], RAM + 0x9000, VECTORS]);
            made.bus.write32(core, 0x4001_0004, 1 << 16);
            made.bus.write32(core, 0x4001_0004, 0);
        }
    },

    "an access to nowhere, an unaligned one and UDF are faults; a fault in a fault locks up"() {
        // LDR r0, [r0]; UDF
        for (const [op, value] of [[0x6800, 0x3000_0000], [0x6800, RAM + 2], [0xde00, 0]]) {
            const made = chip([op]);
            made.cores[0].registers[0] = value;
            const taken = [];
            made.note = (text) => taken.push(text);
            made.limit = 40;
            made.run(40);
            assert.equal(made.cores[0].IPSR, 3);
            assert.equal(taken.length, 1);
        }
        const made = chip([0xde00]);
        made.sramView.setUint16(HANDLER - RAM, 0xde00, true);
        made.run(1e6);
        assert.match(made.ending, /locked up/);
    },

    "flash is erased and written by the ROM, and nobody may read it meanwhile"() {
        const made = chip([STAY]);
        const [core] = made.cores;
        const call = (name, ...values) => {
            core.registers.set([made.bus.read16(core, 0x14), name.charCodeAt(0) | (name.charCodeAt(1) << 8)]);
            core.at = made.bus.read16(core, 0x18) & ~1;
            made.rom.call(core, made.bus.read16(core, core.at) & 0xff);
            const [stub] = core.registers;
            assert.notEqual(stub, 0);
            core.registers.set(values);
            return made.rom.call(core, made.bus.read16(core, stub & ~1) & 0xff);
        };
        made.flash.fill(0x55, 0, 0x3000);
        call("IF");
        call("EX");
        assert.throws(() => made.bus.read32(core, 0x1000_1000), /while flash is being written/);
        assert.throws(() => made.bus.fetch(core, 0x1000_1000), /while flash is being written/);
        made.sram.fill(0xf0, 0, 256);
        assert.ok(call("RE", 0x1000, 0x1000, 65536, 0xd8) > 1000);
        call("RP", 0x1100, RAM, 256);
        call("FC");
        call("CX");
        const words = [0xffc, 0x1000, 0x1100, 0x1200, 0x2000].map((at) => made.bus.read32(core, 0x1000_0000 + at));
        assert.deepEqual(words, [0x5555_5555, 0xffff_ffff, 0xf0f0_f0f0, 0xffff_ffff, 0x5555_5555]);
        // What this ROM does not have is not in its table.
        core.registers.set([made.bus.read16(core, 0x14), 0x3350]);
        made.rom.call(core, 0);
        assert.equal(core.registers[0], 0);
    },

    "what is no program is refused"() {
        assert.throws(() => segments(Buffer.from("#!/bin/sh\n".padEnd(64))), /not a 32-bit little-endian ELF file/);
        assert.throws(() => chip().load([{ address: 0x4000_0000, bytes: Buffer.alloc(4) }]), /where there is no memory/);
        assert.throws(() => chip().load([]), /no vector table/);
    },
};

for (const [name, test] of Object.entries(tests)) {
    try {
        test();
    } catch (error) {
        process.stderr.write(`${name}:\n${error.stack}\n`);
        process.exitCode = 1;
    }
}
