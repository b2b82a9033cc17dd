"""A model's error rate on any data: table, layout of a corpus, or cuts, in one command."""
