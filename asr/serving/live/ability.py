"""Whether a model listens live: one trained for it does, another where somebody asks for chunks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from asr.bundle import Bundle
from asr.config.streaming import StreamingOptions
from asr.decoding.resources import Resources
from asr.errors import UserError
from asr.serving.live.recognizers import Recognizers
from asr.streaming import StreamingRecognizer
from asr.streaming.chunks import WholeUtterancesError, trained_on_whole_utterances

TRY_CHUNKS = "--set streaming.chunk_ms=640"


@dataclass(frozen=True)
class LiveSpeech:
    """What a server does with speech while it is spoken.

    Attributes:
        recognizers: None where it takes files only.
        warning: why that is so, or why files are heard better; empty for a model trained for it.
    """

    recognizers: Recognizers | None
    warning: str = ""


def live_speech(bundle: Bundle, options: StreamingOptions, resources: Resources) -> LiveSpeech:
    """Return what a model does live; a decoding graph is for files alone.

    Raises:
        UserError: options of streaming are given, and the model cannot do what they ask for.
    """
    try:
        usable = replace(resources, graph=None, rescoring=None)
        recognizer = StreamingRecognizer(bundle, options, usable)
    except WholeUtterancesError as error:
        if options.chunk_ms is not None or options.chunk_size is not None:
            raise  # an export: its graph has no chunks
        todo = f"{TRY_CHUNKS} tries live speech all the same."
        if not trained_on_whole_utterances(bundle):
            todo = error.todo
        if options != StreamingOptions():
            raise UserError(error.what, where="streaming", todo=todo) from error
        return LiveSpeech(None, f"files only, no live speech: {error.what}. {todo}")
    recognizers = Recognizers(recognizer, usable)
    if not trained_on_whole_utterances(bundle):
        return LiveSpeech(recognizers)
    chunk = f"{1000 * recognizer.chunk_seconds:.0f} ms"
    warning = f"the model was trained on whole utterances: live, in chunks of {chunk}, it hears "
    return LiveSpeech(recognizers, warning + "worse than in files.")
