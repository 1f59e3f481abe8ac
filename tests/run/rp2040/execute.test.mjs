// Instruction by instruction: ours and rp2040js's from the same registers, flags and memory give the same, but for what
// execute.mjs corrects; that is compared with sums of big numbers. `node execute.test.mjs HARNESS`.

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const harness = (file) => import(pathToFileURL(join(process.argv[2], file)).href);
const { Chip } = await harness("chip.mjs");
const { RP2040 } = await harness("rp2040js.mjs");

const ROUNDS = 200_000;
const CODE = 0x2001_0000;
const DATA = 0x2002_0000;
const RAM = 0x2000_0000;
const FLAGS = ["N", "Z", "C", "V"];
const EDGES = [0, 1, 2, 31, 32, 33, 255, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

// A generator of its own, so that each run is the same (Numerical Recipes).
let state = 1;
function random(below) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
}

const ours = new Chip({ say() {}, verbose: false });
const theirs = new RP2040();
theirs.logger = { debug() {}, info() {}, warn() {}, error() {} };
for (let at = 0; at < ours.sram.length; at++) {
    ours.sram[at] = theirs.sram[at] = random(256);
}

/** Whether an opcode is left out: it stops, sleeps, is undefined, or one of ours; 32-bit ones are rp2040js's but for BL. */
function isLeftOut(op) {
    const top = op >>> 11;
    const isHint = op >>> 8 === 0xbf || op >>> 8 === 0xbe || op >>> 8 === 0xb6;
    const isUndefined = op >>> 8 === 0xde || op >>> 8 === 0xdf || op >>> 6 === 0b1011101010 || [0b1011_0001, 0b1011_0011,
        0b1011_0111, 0b1011_1000, 0b1011_1001, 0b1011_1011].includes(op >>> 8);
    const isMarker = op >>> 8 === 0x46 && (((op >>> 4) & 8) | (op & 7)) === ((op >>> 3) & 15);
    const writesPc = [0x44, 0x46].includes(op >>> 8) && (op & 0x87) === 0x87;
    const comparesPc = op >>> 8 === 0x45 && ((op & 0x87) === 0x87 || (op & 0x78) === 0x78);
    const isBranchExchange = op >>> 8 === 0x47;
    const isEmpty = (top === 0b11000 || top === 0b11001 || (op & 0xf600) === 0xb400) && (op & 0x1ff) === 0;
    const listWithBase = (top === 0b11000 || top === 0b11001) && (op & 0xff & (1 << ((op >>> 8) & 7))) !== 0;
    const loads = op >>> 9 === 0b1011110 && op & 0x100;
    return top === 0b11101 || top >= 0b11110 || isHint || isUndefined || isMarker || writesPc || comparesPc || isBranchExchange || isEmpty ||
        listWithBase || loads;
}

/** Gives both cores the same registers; those that an access adds are an address and a small offset. */
function prepare(op) {
    const values = Array.from({ length: 16 }, () => (random(3) ? Math.floor(random(2 ** 32)) : EDGES[random(EDGES.length)]));
    const top = op >>> 11;
    if (top >= 0b01010 && top <= 0b10001) {
        values[(op >>> 3) & 7] = DATA + 4 * random(64);
        if (top <= 0b01011 && ((op >>> 6) & 7) !== ((op >>> 3) & 7)) {
            values[(op >>> 6) & 7] = 4 * random(64);
        }
    }
    if (top === 0b11000 || top === 0b11001) {
        values[(op >>> 8) & 7] = DATA + 4 * random(64);
    }
    values[13] = DATA + 4 * random(64);
    values[15] = CODE;
    const flags = FLAGS.map(() => random(2) === 1);
    for (const core of [ours.core, theirs.core]) {
        core.registers.set(values);
        FLAGS.forEach((name, index) => {
            core[name] = flags[index];
        });
        core.cycles = 0;
    }
    return { values, flags };
}

const signed = (value) => BigInt(value | 0);
const unsigned = (value) => BigInt(value >>> 0);

/** Returns what carry and overflow of ADCS and SBCS are. */
function sum(a, b, carry) {
    const exact = signed(a) + signed(b) + carry;
    return { C: unsigned(a) + unsigned(b) + carry >= 2n ** 32n, V: exact < -(2n ** 31n) || exact >= 2n ** 31n };
}

/** Returns C behind a shift by a register. */
function carryOf(kind, value, by, before) {
    if (by === 0) {
        return before;
    }
    const wide = kind === 4 ? BigInt.asUintN(512, signed(value)) : unsigned(value);
    return (kind === 2 ? (wide << BigInt(by)) >> 32n : wide >> BigInt(by - 1)) % 2n === 1n;
}

let compared = 0;
for (let round = 0; round < ROUNDS; round++) {
    const op = random(0x10000);
    if (isLeftOut(op)) {
        continue;
    }
    const name = `0x${op.toString(16)}`;
    for (const chip of [ours, theirs]) {
        chip.sramView.setUint16(CODE - RAM, op, true);
    }
    const before = prepare(op);
    ours.core.step();
    theirs.core.executeInstruction();
    compared++;
    assert.deepEqual([...ours.core.registers], [...theirs.core.registers], `registers behind ${name}`);
    const [kind, value, operand] = [(op >>> 6) & 15, before.values[op & 7], before.values[(op >>> 3) & 7]];
    const isOnTwo = op >>> 10 === 0b010000;
    const wanted = Object.fromEntries(FLAGS.map((flag) => [flag, theirs.core[flag]]));
    if (isOnTwo && (kind === 5 || kind === 6)) {
        Object.assign(wanted, sum(value, kind === 5 ? operand : ~operand, before.flags[2] ? 1n : 0n));
    } else if (isOnTwo && [2, 3, 4].includes(kind)) {
        wanted.C = carryOf(kind, value, Math.min(operand & 0xff, 300), before.flags[2]);
    } else if (isOnTwo && kind === 7 && (operand & 0xff) === 0) {
        wanted.C = before.flags[2];
    }
    assert.deepEqual(Object.fromEntries(FLAGS.map((flag) => [flag, ours.core[flag]])), wanted, `flags behind ${name}`);
    const pushesLr = op >>> 8 === 0xb5 ? 1 : 0;
    assert.equal(ours.core.cycles, theirs.core.cycles + pushesLr, `cycles of ${name}`);
    assert.ok(Buffer.from(ours.sram.buffer, 0x20000, 2048).equals(Buffer.from(theirs.sram.buffer, 0x20000, 2048)), name);
}
assert.ok(compared > ROUNDS / 2);

// BL, the one wide instruction that is ours: forwards and backwards.
for (const [first, second] of [[0xf000, 0xf802], [0xf7ff, 0xfffe], [0xf3ff, 0xd7ff], [0xf400, 0xf800], [0xf123, 0xdabc]]) {
    for (const chip of [ours, theirs]) {
        chip.sramView.setUint16(CODE - RAM, first, true);
        chip.sramView.setUint16(CODE - RAM + 2, second, true);
    }
    prepare(0);
    ours.core.step();
    theirs.core.executeInstruction();
    assert.deepEqual([...ours.core.registers], [...theirs.core.registers]);
    assert.equal(ours.core.cycles, theirs.core.cycles);
}
process.stdout.write(`${compared} instructions agree\n`);
