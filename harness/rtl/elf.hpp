// Loads a 32-bit little-endian ELF file at its physical addresses, as QEMU's -kernel does.
#pragma once

#include "memory.hpp"

#include <elf.h>
#include <fstream>
#include <vector>

namespace elf {

// The three instructions of a semihosting call, and what stands in their place here: the same bytes of firmware then run in
// QEMU, which knows the call, and on cores that do not. The host port lies within reach of x0, so that no register is lost.
inline constexpr uint32_t CALL[] = {
    0x01f0'1013, // slli x0, x0, 0x1f
    0x0010'0073, // ebreak
    0x4070'5013, // srai x0, x0, 7
};
inline constexpr uint32_t PORT[] = {
    0xfea0'2823, // sw a0, -16(x0): the operation
    0xfeb0'2a23, // sw a1, -12(x0): its parameter
    0xff80'2503, // lw a0, -8(x0): the answer
};
static_assert(sizeof CALL == sizeof PORT);

// Replaces the semihosting calls among `size` bytes of code. Instructions are aligned to 2.
inline void give_port(uint8_t *code, size_t size) {
    for (size_t i = 0; i + sizeof CALL <= size; i += 2)
        if (std::memcmp(code + i, CALL, sizeof CALL) == 0) std::memcpy(code + i, PORT, sizeof PORT);
}

// Returns the address of the first instruction.
inline uint32_t load(const char *path, const Memory &memory) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> image{std::istreambuf_iterator<char>(file), {}};
    Elf32_Ehdr header;
    if (image.size() < sizeof header) throw std::runtime_error(std::string("cannot read ") + path);
    std::memcpy(&header, image.data(), sizeof header);
    if (std::memcmp(header.e_ident, ELFMAG "\1\1", 6) != 0 || header.e_machine != EM_RISCV)
        throw std::runtime_error(std::string(path) + " is not for a 32-bit RISC-V");
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf32_Phdr segment;
        const size_t at = header.e_phoff + size_t{i} * header.e_phentsize;
        if (at + sizeof segment > image.size()) throw std::runtime_error("the ELF file is cut short");
        std::memcpy(&segment, image.data() + at, sizeof segment);
        if (segment.p_type != PT_LOAD || segment.p_filesz == 0) continue;
        if (size_t{segment.p_offset} + segment.p_filesz > image.size()) throw std::runtime_error("the ELF file is cut short");
        uint8_t *place = memory.at(segment.p_paddr, segment.p_filesz);
        std::memcpy(place, image.data() + segment.p_offset, segment.p_filesz);
        if (segment.p_flags & PF_X) give_port(place, segment.p_filesz);
    }
    return header.e_entry;
}

} // namespace elf
