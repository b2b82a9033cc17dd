"""How a recording is cut into what is decoded one by one."""

from __future__ import annotations

from asr.config.transcription import TranscriptionOptions
from asr.decoding.long_audio.recordings import Recording
from asr.decoding.long_audio.speech import speech_windows
from asr.decoding.long_audio.windows import Window, overlapped_windows


def cut_recording(recording: Recording, rate: int, options: TranscriptionOptions) -> list[Window]:
    """Return the stretches of a recording to decode, in order of time.

    Where `auto` chose voice activity and the detector hears nobody at all, the whole recording is
    decoded in windows: it may hold what the model knows and the detector does not.

    Args:
        rate: Hz, that the model hears.
        options: as `TranscriptionOptions.for_model` returns them.

    Raises:
        UserError: voice activity is asked for and its package is missing, or the recording cannot
            be read.
    """
    assert options.whole is not None
    assert options.window is not None and options.overlap is not None
    if recording.duration <= options.whole:
        return [Window(0.0, recording.duration)]
    if options.segmentation == "vad":
        speech = speech_windows(recording, rate, options)
        if speech or not options.whole:  # `vad` by name, not by `auto`
            return speech
    return overlapped_windows(recording.duration, options.window, options.overlap)
