"""What is done to the samples of training utterances; start reading at `pipeline.py`."""

from asr.data.augmentation.pipeline import WaveformAugmenter, make_augmenter

__all__ = ["WaveformAugmenter", "make_augmenter"]
