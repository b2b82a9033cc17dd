"""Recordings longer than what a model was trained on: overlapped windows, their words merged."""
