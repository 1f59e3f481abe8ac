// Arm's semihosting calls, which RISC-V has in the same form: files in the working directory, the console, the way out.
#pragma once

#include "memory.hpp"

#include <cstdio>
#include <map>
#include <optional>

class Semihosting {
  public:
    explicit Semihosting(const Memory &memory) : memory_(memory) {}

    ~Semihosting() {
        for (auto &[_, file] : files_) std::fclose(file);
    }

    // The status with which the firmware has ended the run.
    std::optional<int> status;

    // Does `operation` with its parameter, and returns its answer.
    uint32_t call(uint32_t operation, uint32_t parameter) {
        // All but the first two take a block of words.
        const auto word = [&](unsigned index) { return memory_.word(parameter + 4 * index); };
        switch (operation) {
        case SYS_WRITEC: std::fputc(*memory_.at(parameter, 1), stderr); return 0;
        case SYS_WRITE0:
            while (const uint8_t byte = *memory_.at(parameter++, 1)) std::fputc(byte, stderr);
            return 0;
        case SYS_OPEN: return open(text(word(0), word(2)), word(1));
        case SYS_CLOSE: return close(word(0));
        case SYS_WRITE: return missing(std::fwrite, memory_.at(word(1), word(2)), word(2), word(0));
        case SYS_READ: return missing(std::fread, memory_.at(word(1), word(2)), word(2), word(0));
        case SYS_SEEK: {
            std::FILE *file = find(word(0));
            return file && std::fseek(file, word(1), SEEK_SET) == 0 ? 0 : FAILED;
        }
        case SYS_EXIT: status = parameter == APPLICATION_EXIT ? 0 : 1; return 0;
        case SYS_EXIT_EXTENDED: status = word(0) == APPLICATION_EXIT ? static_cast<int>(word(1)) : 1; return 0;
        default: throw std::runtime_error("semihosting operation " + Memory::hex(operation) + " is not known here");
        }
    }

  private:
    enum : uint32_t {
        SYS_OPEN = 0x01,
        SYS_CLOSE = 0x02,
        SYS_WRITEC = 0x03,
        SYS_WRITE0 = 0x04,
        SYS_WRITE = 0x05,
        SYS_READ = 0x06,
        SYS_SEEK = 0x0a,
        SYS_EXIT = 0x18,
        SYS_EXIT_EXTENDED = 0x20,
        APPLICATION_EXIT = 0x2'0026,
        FAILED = ~0u,
    };

    std::string text(uint32_t address, uint32_t count) const {
        return {reinterpret_cast<const char *>(memory_.at(address, count)), count};
    }

    std::FILE *find(uint32_t handle) const {
        const auto found = files_.find(handle);
        return found == files_.end() ? nullptr : found->second;
    }

    uint32_t open(const std::string &name, uint32_t mode) {
        // The modes of C's fopen, each with and without the b that changes nothing here.
        static const char *const modes[] = {"rb", "r+b", "wb", "w+b", "ab", "a+b"};
        std::FILE *file = mode < 12 ? std::fopen(name.c_str(), modes[mode / 2]) : nullptr;
        if (!file) return FAILED;
        files_[++last_] = file;
        return last_;
    }

    uint32_t close(uint32_t handle) {
        std::FILE *file = find(handle);
        files_.erase(handle);
        return file && std::fclose(file) == 0 ? 0 : FAILED;
    }

    // How many of `count` bytes were not read or written.
    template <typename Transfer>
    uint32_t missing(Transfer transfer, uint8_t *bytes, uint32_t count, uint32_t handle) const {
        std::FILE *file = find(handle);
        return file ? count - static_cast<uint32_t>(transfer(bytes, 1, count, file)) : count;
    }

    Memory memory_;
    std::map<uint32_t, std::FILE *> files_;
    uint32_t last_ = 0;
};
