"""Quantisation: what is written, how it answers, and what is refused."""
