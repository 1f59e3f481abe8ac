"""Operators on the integers that QuantizeLinear stores."""
