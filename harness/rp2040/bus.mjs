// Where an address leads: flash and SRAM at once, registers through rp2040js after its clock has caught up; everything else,
// and what is not aligned, is a fault.

import { Fault, hex } from "./core.mjs";

const RAM = 0x2000_0000;
/** SRAM0 to SRAM3 once more, without interleaving. */
const RAM_BANKS = 0x2100_0000;
const RAM_BANKS_BYTES = 0x4_0000;
const ROM_BYTES = 0x4000;

export class Bus {
    constructor(chip) {
        this.chip = chip;
        this.ram = chip.sram;
        this.ram16 = new Uint16Array(chip.sram.buffer);
        this.ram32 = new Uint32Array(chip.sram.buffer);
        this.flash = chip.flash;
        this.flash16 = chip.flash16;
        this.flash32 = new Uint32Array(chip.flash.buffer);
        /** Whether flash can be read: not while it is erased or written. */
        this.flashIsMapped = true;
    }

    read32(core, address) {
        if (address & 3) {
            throw new Fault(`unaligned read of ${hex(address)}`);
        }
        const place = address - RAM;
        if (place >= 0 && place < this.ram.length) {
            return this.ram32[place >>> 2];
        }
        if (address >>> 26 === 4) {
            this.needFlash(address);
            return this.flash32[(address & 0xff_ffff) >>> 2];
        }
        return this.readRegister(core, address);
    }

    read16(core, address) {
        if (address & 1) {
            throw new Fault(`unaligned read of ${hex(address)}`);
        }
        const place = address - RAM;
        if (place >= 0 && place < this.ram.length) {
            return this.ram16[place >>> 1];
        }
        if (address >>> 26 === 4) {
            this.needFlash(address);
            return this.flash16[(address & 0xff_ffff) >>> 1];
        }
        return (this.readRegister(core, (address & ~3) >>> 0) >>> (8 * (address & 2))) & 0xffff;
    }

    read8(core, address) {
        const place = address - RAM;
        if (place >= 0 && place < this.ram.length) {
            return this.ram[place];
        }
        if (address >>> 26 === 4) {
            this.needFlash(address);
            return this.flash[address & 0xff_ffff];
        }
        return (this.readRegister(core, (address & ~3) >>> 0) >>> (8 * (address & 3))) & 0xff;
    }

    write32(core, address, value) {
        if (address & 3) {
            throw new Fault(`unaligned write to ${hex(address)}`);
        }
        const place = address - RAM;
        if (place >= 0 && place < this.ram.length) {
            this.ram32[place >>> 2] = value;
        } else {
            this.writeRegister(core, address, value, 4);
        }
    }

    write16(core, address, value) {
        if (address & 1) {
            throw new Fault(`unaligned write to ${hex(address)}`);
        }
        const place = address - RAM;
        if (place >= 0 && place < this.ram.length) {
            this.ram16[place >>> 1] = value;
        } else {
            this.writeRegister(core, address, value, 2);
        }
    }

    write8(core, address, value) {
        const place = address - RAM;
        if (place >= 0 && place < this.ram.length) {
            this.ram[place] = value;
        } else {
            this.writeRegister(core, address, value, 1);
        }
    }

    /** A fetch: the halfword of an instruction. */
    fetch(core, address) {
        if (address >>> 26 === 4 && this.flashIsMapped) {
            return this.flash16[(address & 0xff_ffff) >>> 1];
        }
        const place = address - RAM;
        if (place >= 0 && place < this.ram.length) {
            return this.ram16[place >>> 1];
        }
        if (address < ROM_BYTES) {
            return (this.chip.bootrom[address >>> 2] >>> (8 * (address & 2))) & 0xffff;
        }
        this.needFlash(address);
        throw new Fault(`no instruction can be fetched from ${hex(address)}`);
    }

    needFlash(address) {
        if (address >>> 26 === 4 && !this.flashIsMapped) {
            throw new Fault(`${hex(address)} was read while flash is being written`);
        }
    }

    readRegister(core, address) {
        if (address < ROM_BYTES) {
            return this.chip.bootrom[address >>> 2];
        }
        if (address >= RAM_BANKS && address < RAM_BANKS + RAM_BANKS_BYTES) {
            return this.ram32[striped(address - RAM_BANKS) >>> 2];
        }
        const block = address >>> 28;
        if (block === 0xd) {
            return core.sio.readUint32(address & 0x0fff_ffff);
        }
        this.chip.catchUp();
        this.chip.attention = true;
        if (block === 0xe) {
            return address >>> 12 === 0xe000e ? core.ppb.readUint32(address & 0xfff) : 0;
        }
        if (!this.chip.findPeripheral(address)) {
            throw new Fault(`there is nothing to read at ${hex(address)}`);
        }
        return this.chip.readUint32(address) >>> 0;
    }

    writeRegister(core, address, value, bytes) {
        if (address >= RAM_BANKS && address < RAM_BANKS + RAM_BANKS_BYTES) {
            const place = striped(address - RAM_BANKS);
            for (let index = 0; index < bytes; index++) {
                this.ram[place + index] = value >>> (8 * index);
            }
            return;
        }
        // Registers take whole words: what is narrower appears on all lanes.
        const word = bytes === 1 ? (value & 0xff) * 0x0101_0101 : bytes === 2 ? (value & 0xffff) * 0x1_0001 : value >>> 0;
        const block = address >>> 28;
        const register = (address & ~3) >>> 0;
        if (block === 0xd) {
            core.sio.writeUint32(register & 0x0fff_ffff, word);
            return;
        }
        this.chip.catchUp();
        this.chip.attention = true;
        if (block === 0xe) {
            if (register >>> 12 === 0xe000e) {
                core.ppb.writeUint32(register & 0xfff, word);
            }
        } else if (this.chip.findPeripheral(register)) {
            this.chip.writeUint32(register, word);
        } else {
            throw new Fault(`there is nothing to write to at ${hex(address)}`);
        }
    }
}

/** Returns where a byte of the banks one after another lies in SRAM: word 0 of all four banks, then word 1 .. */
function striped(place) {
    const [bank, offset] = [place >>> 16, place & 0xffff];
    return ((offset & ~3) << 2) | (bank << 2) | (offset & 3);
}
