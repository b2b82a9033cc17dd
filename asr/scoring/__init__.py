"""Scoring decoded hypotheses: alignment, error rates, intervals, paired tests, tables. No torch."""
