//! The serial flash beside the chip, where the weights lie: read as memory, four bits at a time.

use embassy_stm32::mode::Blocking;
use embassy_stm32::peripherals::QUADSPI;
use embassy_stm32::qspi::enums::{AddressSize, DummyCycles, MemorySize, QspiWidth};
use embassy_stm32::qspi::{Config, Qspi, TransferConfig};

/// How `memory_mapped` wants the peripheral: 8 MB, and its clock (AHB, 64 MHz out of reset) halved.
pub fn config() -> Config {
    let mut config = Config::default();
    config.memory_size = MemorySize::_8MiB;
    config.address_size = AddressSize::_24bit;
    config.prescaler = 1;
    config
}

/// Makes a W25Q64 memory from 0x9000_0000 on. Weights may be read from now on, and not before.
pub fn memory_mapped(flash: &mut Qspi<'_, QUADSPI, Blocking>) {
    // Quad enable in status register 2, until power is off: nothing wears (W25Q64JV: 50h, 31h).
    let command = |instruction| TransferConfig { iwidth: QspiWidth::SING, instruction, ..TransferConfig::default() };
    flash.blocking_command(command(0x50));
    flash.blocking_write(&[0x02], TransferConfig { dwidth: QspiWidth::SING, ..command(0x31) });
    // Until it is no longer busy with that (05h, bit 0).
    let mut status = [1];
    while status[0] & 1 != 0 {
        flash.blocking_read(&mut status, TransferConfig { dwidth: QspiWidth::SING, ..command(0x05) });
    }
    // Fast read, quad output: the address by one line, eight dummy cycles, data by four (6Bh).
    flash.enable_memory_map(&TransferConfig {
        awidth: QspiWidth::SING,
        dwidth: QspiWidth::QUAD,
        dummy: DummyCycles::_8,
        ..command(0x6B)
    });
}
