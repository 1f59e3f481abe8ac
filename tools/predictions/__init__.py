"""`python -m tools.predictions`: what the compiler predicts of models, beside what emulated boards measure."""
