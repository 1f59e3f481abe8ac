"""What an inference costs, ours and the peers', on the same emulated boards: `nox -s bench`."""
