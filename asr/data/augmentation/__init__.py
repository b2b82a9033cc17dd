"""What is done to training utterances, their samples and features; start at `pipeline.py`."""

from asr.data.augmentation.pipeline import WaveformAugmenter, make_augmenter

__all__ = ["WaveformAugmenter", "make_augmenter"]
