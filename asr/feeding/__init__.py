"""Utterances on their way into a training: cuts, shards, samplers, batches."""
