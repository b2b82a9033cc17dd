"""Samples at a model's rate, their filter banks, and what is done to either."""
