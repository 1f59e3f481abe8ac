"""`memory.x` read before the linker reads it: models that no region holds, sections that no script places."""
