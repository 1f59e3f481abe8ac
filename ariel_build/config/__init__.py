"""What a user may say: keys of Cargo.toml and options of the command line."""
