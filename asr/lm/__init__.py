"""N-gram language models: training, pruning, perplexity, and scoring of labels in a search."""
