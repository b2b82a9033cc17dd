"""Transcript formats that many corpora and tools share: STM, Praat TextGrid, one huge JSON file."""
