"""Operators on numbers of every type."""
