"""`python -m tools.code_sizes`: measures what each kernel takes of flash and stack, for the bounds of models."""
