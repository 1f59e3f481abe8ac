// SEGGER's Real Time Transfer, the debugger's side: the firmware writes text into a ring in RAM, and we take it from there, as
// probe-rs does. Channel 0, text.

const CONTROL = "SEGGER RTT";
/** Offsets in the control block: the number of channels up, then the first of them: name, buffer, size, write, read. */
const [CHANNELS, BUFFER, SIZE, WRITE, READ] = [16, 28, 32, 36, 40];

export class Rtt {
    constructor(chip, say) {
        this.chip = chip;
        this.say = say;
        this.block = undefined;
        this.next = 0;
        this.decoder = new TextDecoder();
    }

    /** The control block lies at this address: the symbol `_SEGGER_RTT`. */
    attach(address) {
        this.block = address;
    }

    /** Looks for text if the last look was long ago. */
    pollNow(now, period) {
        if (this.block !== undefined && now >= this.next) {
            this.next = now + period;
            this.poll();
        }
    }

    poll() {
        const { sram } = this.chip;
        const at = (this.block ?? 0) - 0x2000_0000;
        if (this.block === undefined || Buffer.from(sram.buffer, at, CONTROL.length).toString("latin1") !== CONTROL) {
            return;
        }
        const view = new DataView(sram.buffer);
        const field = (offset) => view.getUint32(at + offset, true);
        const [buffer, size, write] = [field(BUFFER) - 0x2000_0000, field(SIZE), field(WRITE)];
        let read = field(READ);
        if (field(CHANNELS) === 0 || read === write || write >= size || read >= size || buffer < 0 || buffer + size > sram.length) {
            return;
        }
        const bytes = [];
        while (read !== write) {
            bytes.push(sram[buffer + read]);
            read = (read + 1) % size;
        }
        view.setUint32(at + READ, read, true);
        this.say(this.decoder.decode(new Uint8Array(bytes), { stream: true }));
    }
}
