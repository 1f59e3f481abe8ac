"""Dimensions that are only bounded."""
