// Runs firmware on the emulated RP2040: `node main.mjs [options] ELF`. The status is the firmware's own, or 3 where it did not
// end by itself.
//
//   --counts FILE     what each section between markers took, as JSON
//   --cores N         the cores that have counts: the firmware uses no more (default 2)
//   --timeline A:N    tell of stores to the N bytes at address A in the counts
//   --until TEXT      end with status 0 as soon as the firmware has printed this
//   --limit CYCLES    give up after so many clock cycles
//   --verbose         what rp2040js has to remark

import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Chip } from "./chip.mjs";
import { segments, symbol } from "./elf.mjs";

const UNFINISHED = 3;
const USAGE = 2;

function main() {
    const { values, positionals } = parseArgs({
        allowPositionals: true,
        options: {
            counts: { type: "string" },
            cores: { type: "string", default: "2" },
            timeline: { type: "string" },
            until: { type: "string" },
            limit: { type: "string", default: "Infinity" },
            verbose: { type: "boolean", default: false },
        },
    });
    const limit = Number(values.limit);
    const cores = Number(values.cores);
    if (positionals.length !== 1 || !(limit > 0) || ![1, 2].includes(cores)) {
        throw new Error("usage: [--counts FILE] [--cores N] [--until TEXT] [--limit CYCLES] [--verbose] ELF");
    }
    const file = readFileSync(positionals[0]);
    let printed = "";
    const say = (text) => {
        process.stdout.write(text);
        if (values.until !== undefined) {
            printed = (printed + text).slice(-4096);
            if (printed.includes(values.until)) {
                chip.end(0, "printed what was waited for");
            }
        }
    };
    const chip = new Chip({ say, verbose: values.verbose });
    chip.load(segments(file));
    if (values.timeline !== undefined) {
        chip.counts.watch(...values.timeline.split(":").map(Number));
    }
    const control = symbol(file, "_SEGGER_RTT");
    if (control !== undefined) {
        chip.rtt.attach(control);
    }
    chip.run(limit);
    if (values.counts !== undefined) {
        writeFileSync(values.counts, chip.counts.toJson(cores));
    }
    if (chip.status === undefined) {
        chip.note(chip.ending);
    }
    return chip.status ?? UNFINISHED;
}

try {
    process.exitCode = main();
} catch (error) {
    process.stderr.write(`rp2040: ${error.message}\n`);
    process.exitCode = USAGE;
}
