"""What is done to training utterances, their samples and features; start at `pipeline.py`."""

from asr.signal.augmentation.pipeline import WaveformAugmenter, make_augmenter

__all__ = ["WaveformAugmenter", "make_augmenter"]
