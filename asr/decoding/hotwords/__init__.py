"""Hotwords: a list of phrases as an automaton, and as a scorer of labels."""
