"""Whole models against recorded answers, and damaged ones."""
