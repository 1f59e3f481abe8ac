// The registers of one Cortex-M0+: those of rp2040js (NVIC, SysTick, some of the system control block), and the ones that it lacks.

import { RPPPB } from "./rp2040js.mjs";

const AIRCR = 0xd0c;
const SCR = 0xd10;
const CCR = 0xd14;
const SHCSR = 0xd24;
const MPU_TYPE = 0xd90;
const [MPU_CTRL, MPU_RASR] = [0xd94, 0xda0];
const DHCSR = 0xdf0;
const SYSRESETREQ = 4;

export class CorePpb extends RPPPB {
    constructor(chip, core) {
        super(chip, `PPB${core.number}`);
        this.owner = core;
        this.scr = 0;
        this.mpu = new Map();
    }

    readUint32(offset) {
        switch (offset) {
            case AIRCR:
                return 0xfa050000;
            case SCR:
                return this.scr;
            case CCR:
                return 0x208; // unaligned accesses fault, the stack is aligned to 8: constants of Armv6-M
            case SHCSR:
            case DHCSR: // no debugger
                return 0;
            case MPU_TYPE:
                return 0x800; // eight regions
        }
        if (offset >= MPU_CTRL && offset <= MPU_RASR) {
            return this.mpu.get(offset) ?? 0;
        }
        return super.readUint32(offset);
    }

    writeUint32(offset, value) {
        if (offset === AIRCR) {
            if (value & SYSRESETREQ) {
                this.owner.chip.end(undefined, "the firmware asked for a reset of the chip");
            }
        } else if (offset === SCR) {
            this.scr = value;
        } else if (offset >= MPU_TYPE && offset <= MPU_RASR) {
            // Kept and not enforced.
            this.mpu.set(offset, value);
        } else if (offset !== CCR && offset !== SHCSR && offset !== DHCSR) {
            super.writeUint32(offset, value);
        }
    }

    /** Whether an interrupt that becomes pending counts as an event. */
    get sendsEventOnPending() {
        return (this.scr & 0x10) !== 0;
    }
}
