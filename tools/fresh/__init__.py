"""`nox -s fresh`: the repository as a stranger finds it, on a machine that has Debian, Python and rustup only."""
