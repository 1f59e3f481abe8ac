// Reads 32-bit little-endian ELF files: the segments to load, and the address of a symbol.

const MAGIC = 0x464c457f;
const LOAD = 1;
const SYMBOLS = 2;

/** Returns the segments of an ELF file, each with the address where it lies before the program runs, and its bytes. */
export function segments(file) {
    const view = open(file);
    const [start, size, count] = [view.getUint32(28, true), view.getUint16(42, true), view.getUint16(44, true)];
    return Array.from({ length: count }, (_, index) => start + size * index)
        .filter((at) => view.getUint32(at, true) === LOAD && view.getUint32(at + 16, true) > 0)
        .map((at) => {
            const offset = view.getUint32(at + 4, true);
            return { address: view.getUint32(at + 12, true), bytes: file.subarray(offset, offset + view.getUint32(at + 16, true)) };
        });
}

/** Returns the address of the symbol `name`, or undefined where the file has none of that name. */
export function symbol(file, name) {
    const view = open(file);
    const [start, size, count] = [view.getUint32(32, true), view.getUint16(46, true), view.getUint16(48, true)];
    const field = (section, offset) => view.getUint32(start + size * section + offset, true);
    for (let section = 0; section < count; section++) {
        if (field(section, 4) !== SYMBOLS) {
            continue;
        }
        const names = field(field(section, 24), 16);
        const [first, bytes] = [field(section, 16), field(section, 20)];
        for (let at = first; at < first + bytes; at += 16) {
            const from = names + view.getUint32(at, true);
            if (file.toString("latin1", from, from + name.length + 1) === `${name}\0`) {
                return view.getUint32(at + 4, true);
            }
        }
    }
    return undefined;
}

/** Returns a view of the file's bytes, having looked that it is such a file. */
function open(file) {
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    if (file.length < 52 || view.getUint32(0, true) !== MAGIC || file[4] !== 1 || file[5] !== 1) {
        throw new Error("not a 32-bit little-endian ELF file");
    }
    return view;
}
