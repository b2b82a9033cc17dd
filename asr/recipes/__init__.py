"""Recipes made from a user's own data: what the data is, what follows from it, the files."""
