"""Modules that the installed PyTorch exports, read by us and held against its own answers: `nox -s pytorch`."""
