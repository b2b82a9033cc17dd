"""N-gram models as arrays, and ARPA files; no torch."""
