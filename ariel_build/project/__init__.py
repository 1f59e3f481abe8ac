"""What is written into a user's crate: a new one, an existing one that gets a model, and tests that stay in it."""
