"""A speech recognition toolkit: one library, thin recipes.

`asr.load("exp/conformer/bundle").transcribe("speech.wav").text` is all that using a model takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asr.decoding.recognizer import Recognizer

__version__ = "0.1.0"


def load(bundle: str, method: str | None = None, device: str = "cpu") -> Recognizer:
    """Load a bundle; the result's `transcribe` takes files and arrays.

    Args:
        bundle: the folder that stage 5 of a recipe makes, or the `.tar.gz` of stage 7.
        method: a decoding method; the default is the best that the model has.

    Raises:
        UserError: the bundle is missing, damaged or of a newer format.
    """
    from asr.decoding.recognizer import Recognizer  # torch loads only when it is needed

    return Recognizer.load(bundle, method, device)
