"""Programs for those who work on Ariel-ML; no part of the package."""
