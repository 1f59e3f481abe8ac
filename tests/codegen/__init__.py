"""Generated code, built as a user would build it."""
