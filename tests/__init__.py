"""The tests: `nox -s tests`, or `pytest` in an environment that has the extra `test`."""
