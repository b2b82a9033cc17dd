"""Splits of a corpus: what is held out, and what two of them should not share."""
