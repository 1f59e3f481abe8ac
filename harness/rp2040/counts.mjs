// What the sections between the markers took: cycles from start to end on the core that has them, and of each core the
// instructions, those of them that it only waited with, and the cycles in which it did not sleep.

export class Counts {
    constructor(chip) {
        this.chip = chip;
        this.sections = [];
        this.begun = undefined;
        this.stores = [];
    }

    /** Notes each byte that is stored in this memory: core, time, offset. */
    watch(address, bytes) {
        const { bus } = this.chip;
        const write8 = bus.write8.bind(bus);
        bus.write8 = (core, at, value) => {
            write8(core, at, value);
            if (this.begun && at >= address && at < address + bytes) {
                this.stores.push([core.number, core.cycles - this.begun.clocks[this.begun.core], at - address]);
            }
        };
    }

    /** Counting starts behind this instruction, of one cycle, and so many branches, of two. */
    start(core, branches = 0) {
        this.begun = { core, ...this.sample(core, 1 + 2 * branches, branches) };
        this.stores = [];
    }

    /** Counting stops before this instruction, and so many branches to it. */
    stop(core, branches = 0) {
        const { begun } = this;
        if (!begun || begun.core !== core) {
            return;
        }
        this.begun = undefined;
        const ended = this.sample(core, -2 * branches, -1 - branches);
        const taken = (name) => ended[name].map((value, index) => value - begun[name][index]);
        this.sections.push({
            cycles: ended.clocks[core] - begun.clocks[core],
            executed: taken("instructions"),
            idle: taken("idle"),
            awake: taken("awake"),
            timeline: this.stores,
        });
    }

    /**
     * The counters of all cores while one executes a marker: so many cycles and instructions of that one are taken for past
     * besides. The marker itself is among the instructions already.
     */
    sample(marking, cycles, instructions) {
        const { cores } = this.chip;
        const past = cores.map((core) => (core.number === marking ? cycles : 0));
        return {
            clocks: cores.map((core, index) => core.cycles + past[index]),
            instructions: cores.map((core) => core.instructions + (core.number === marking ? instructions : 0)),
            idle: cores.map((core) => core.idleInstructions),
            awake: cores.map((core, index) => core.cycles - core.slept + past[index]),
        };
    }

    /** What `--counts` writes; on one core time is also the instructions that it executed. */
    toJson(cores) {
        const sections = this.sections.map((section) => ({
            cycles: section.cycles,
            ...(cores === 1 ? { makespan: section.executed[0] } : {}),
            executed: section.executed.slice(0, cores),
            idle: section.idle.slice(0, cores),
            awake: section.awake.slice(0, cores),
            ...(section.timeline.length ? { timeline: section.timeline } : {}),
        }));
        return JSON.stringify({ sections });
    }
}
