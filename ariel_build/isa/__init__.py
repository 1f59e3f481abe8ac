"""What differs between instruction sets: code sizes, weight packing, tile granularity, costs."""
