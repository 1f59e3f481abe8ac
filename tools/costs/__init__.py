"""`python -m tools.costs MODEL..` fits the cost model to measured instructions: `ariel_build/schedule/costs.json`."""
