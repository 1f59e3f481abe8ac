"""The benchmark: its gate, and the estimate of clock cycles."""
