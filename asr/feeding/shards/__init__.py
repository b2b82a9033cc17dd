"""Corpora as lhotse Shar: making the shards, and reading them for training.

`job.py` says what is made, `planning.py` divides it, `building.py` makes one shard, `creation.py`
runs them all and `manifest.py` is what is known of the result. `reading.py` is the way back.
"""
