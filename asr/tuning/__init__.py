"""Decoding weights, beams and averages of checkpoints, chosen on dev."""
