"""Tests of the passes: each rewrite, each refusal with its reason, and that results stay."""
