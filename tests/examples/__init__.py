"""The example firmwares, built as a user builds them, and run where there is an emulator."""
