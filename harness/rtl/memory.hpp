// The memories of memory.sv as the host sees them: bytes at the addresses of the cores.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

class Memory {
  public:
    // `sram` and `slow` are the words of memory.sv. The host is little-endian like the cores, so that they are bytes in order, too.
    Memory(uint32_t *sram, uint32_t *slow) : banks_{{0x8000'0000, 32 << 20, sram}, {0x9000'0000, 4 << 20, slow}} {}

    // The bytes at `address`; throws where the `count` of them do not lie in one memory.
    uint8_t *at(uint32_t address, uint32_t count) const {
        for (const Bank &bank : banks_)
            if (address >= bank.base && count <= bank.bytes && address - bank.base <= bank.bytes - count)
                return reinterpret_cast<uint8_t *>(bank.words) + (address - bank.base);
        throw std::runtime_error("no memory at " + hex(address));
    }

    uint32_t word(uint32_t address) const {
        uint32_t value;
        std::memcpy(&value, at(address, sizeof value), sizeof value);
        return value;
    }

    static std::string hex(uint32_t value) {
        char text[11];
        std::snprintf(text, sizeof text, "0x%08x", value);
        return text;
    }

  private:
    struct Bank {
        uint32_t base, bytes;
        uint32_t *words;
    };

    Bank banks_[2];
};
