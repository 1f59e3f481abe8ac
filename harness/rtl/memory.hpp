// The SRAM of memory.sv as the host sees it: bytes at the addresses of the cores.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

class Memory {
  public:
    static constexpr uint32_t BASE = 0x8000'0000, BYTES = 32 << 20;

    // `words` are the words of memory.sv. The host is little-endian like the cores, so that they are bytes in order, too.
    explicit Memory(uint32_t *words) : bytes_(reinterpret_cast<uint8_t *>(words)) {}

    // The bytes at `address`; throws where the `count` of them do not lie in SRAM.
    uint8_t *at(uint32_t address, uint32_t count) const {
        if (address < BASE || count > BYTES || address - BASE > BYTES - count)
            throw std::runtime_error("no memory at " + hex(address));
        return bytes_ + (address - BASE);
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
    uint8_t *bytes_;
};
