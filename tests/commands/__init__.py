"""The command line as its users see it: exit codes, messages, files."""
