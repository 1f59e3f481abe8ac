"""How inferences scale with cores: `nox -s scaling`."""
