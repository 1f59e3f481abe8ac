"""The suites of single operators: what counts as equal."""
