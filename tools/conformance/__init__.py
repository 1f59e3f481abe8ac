"""The suites of single operators, run through the compiler on this computer: `nox -s conformance`."""
