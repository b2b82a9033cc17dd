"""Corpora spoken to a streaming recogniser as people would: error rates and delays.

docs/streaming.md, "Measuring", has the method.
"""
