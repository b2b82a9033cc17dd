"""Synthetic speech, for tests, demos and rehearsals of recipes."""
