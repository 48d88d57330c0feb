"""Comparison of arrays with goldens: tolerances, verdicts. Pure arrays, no torch."""
