"""Damaged models: `nox -s fuzz`; a quick selection of them runs with the tests of models."""
