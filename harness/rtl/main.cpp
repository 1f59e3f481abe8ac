// Runs firmware on the bed: `bed ELF COUNTS`, with the firmware's files in the working directory, and its status as our own.
//
// COUNTS gets what lay between each pair of markers START and STOP, which do not count themselves:
//   {"sections": [{"cycles": .., "executed": [hart 0, ..], "idle": [..], "awake": [..], "fetch_waits": [..], ..}, ..]}
// bed.sv has what the counters of the harts mean.

#include "Vbed.h"
#include "Vbed___024root.h"
#include "elf.hpp"
#include "memory.hpp"
#include "semihosting.hpp"

#include <array>
#include <fstream>
#include <iostream>
#include <memory>
#include <verilated.h>

namespace {

// The status of firmware that met a fault, as platform/mod.rs has it: here, an access to nowhere.
constexpr int FAULT = 46;
// What the test device takes: the run was good, or failed with the code in the upper half.
constexpr uint32_t PASS = 0x5555, FAIL = 0x3333;

// What bed.sv counts.
enum Counter { EXECUTED, IDLE, AWAKE, FETCH_WAITS, DATA_WAITS, COUNTERS };
constexpr const char *NAMES[COUNTERS] = {"executed", "idle", "awake", "fetch_waits", "data_waits"};

struct Reading {
    uint64_t cycles = 0;
    std::array<std::array<uint64_t, HARTS>, COUNTERS> harts = {};
};

Reading read(const Vbed &bed, uint64_t cycles) {
    Reading reading{.cycles = cycles};
    for (int h = 0; h < HARTS; h++) {
        reading.harts[EXECUTED][h] = bed.executed[h];
        reading.harts[IDLE][h] = bed.idle[h];
        reading.harts[AWAKE][h] = bed.awake[h];
        reading.harts[FETCH_WAITS][h] = bed.fetch_waits[h];
        reading.harts[DATA_WAITS][h] = bed.data_waits[h];
    }
    return reading;
}

// What lay between two readings, the second one taken when STOP had just retired on the harts of the mask `stop`.
Reading between(const Reading &begin, Reading end, unsigned stop) {
    end.cycles -= begin.cycles + 1;
    for (int c = 0; c < COUNTERS; c++)
        for (int h = 0; h < HARTS; h++) end.harts[c][h] -= begin.harts[c][h];
    for (int h = 0; h < HARTS; h++) {
        end.harts[EXECUTED][h] -= stop >> h & 1;
        end.harts[AWAKE][h] -= stop >> h & 1;
    }
    return end;
}

void write(const char *path, const std::vector<Reading> &sections) {
    std::ofstream out(path);
    out << "{\"sections\": [";
    for (size_t i = 0; i < sections.size(); i++) {
        out << (i ? ", " : "") << "{\"cycles\": " << sections[i].cycles;
        for (int c = 0; c < COUNTERS; c++) {
            out << ", \"" << NAMES[c] << "\": [";
            for (int h = 0; h < HARTS; h++) out << (h ? ", " : "") << sections[i].harts[c][h];
            out << "]";
        }
        out << "}";
    }
    out << "]}\n";
    if (!out.flush()) throw std::runtime_error(std::string("cannot write ") + path);
}

// A clock cycle.
void tick(Vbed &bed) {
    bed.clk = 1;
    bed.eval();
    bed.clk = 0;
    bed.eval();
}

int run(const char *firmware, std::vector<Reading> &sections) {
    const auto context = std::make_unique<VerilatedContext>();
    const auto owner = std::make_unique<Vbed>(context.get());
    Vbed &bed = *owner;
    const Memory memory(&bed.rootp->bed__DOT__memory_i__DOT__words[0], &bed.rootp->bed__DOT__memory_i__DOT__slow_words[0]);
    Semihosting host(memory);

    bed.boot = elf::load(firmware, memory);
    bed.rst_n = 0;
    for (int i = 0; i < 4; i++) tick(bed);
    bed.rst_n = 1;

    std::optional<Reading> begin;
    for (uint64_t cycle = 0;; cycle++) {
        tick(bed);
        if (bed.start) begin = read(bed, cycle);
        if (bed.stop && begin) {
            sections.push_back(between(*begin, read(bed, cycle), bed.stop));
            begin.reset();
        }
        if (bed.ring) {
            bed.answer[bed.caller] = host.call(bed.operation, bed.argument);
            if (host.status) return *host.status;
        }
        if (bed.finished) {
            if ((bed.word & 0xffff) == PASS) return 0;
            return (bed.word & 0xffff) == FAIL ? static_cast<int>(bed.word >> 16) : FAULT;
        }
        if (bed.stray) {
            std::cerr << "hart " << bed.caller << " accessed " << Memory::hex(bed.word) << ", where there is nothing\n";
            return FAULT;
        }
    }
}

} // namespace

int main(int count, char **arguments) {
    if (count != 3) {
        std::cerr << "usage: bed ELF COUNTS\n";
        return 2;
    }
    try {
        std::vector<Reading> sections;
        const int status = run(arguments[1], sections);
        write(arguments[2], sections);
        return status;
    } catch (const std::exception &error) {
        std::cerr << "bed: " << error.what() << "\n";
        return 1;
    }
}
