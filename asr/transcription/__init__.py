"""Recordings of any length to text with times: windows, merging, captions."""
