"""The machine that we run on: processes, and what is installed."""
