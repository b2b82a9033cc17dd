"""A file to its transcript, in a process of its own; `asr.serving.files.pool` starts it.

Decoding a long file is hours of Python: in a thread it would take the interpreter from the live
model at every turn. A process of its own runs beside it, at a lower priority, and a file that makes
a decoder of audio formats crash takes nothing else along.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.config.export import Backend
from asr.errors import UserError
from asr.serving.files.wishes import Wishes
from asr.serving.helpers import begin_helper

if TYPE_CHECKING:
    from asr.bundle import Bundle
    from asr.decoding.hypothesis import Word
    from asr.decoding.recognizer import Recognizer
    from asr.decoding.resources import ResourcePaths, Resources

_LOWEST_RATE, _HIGHEST_RATE = 4000, 768_000  # Hz, of a file
BEGUN = "begun"


@dataclass(frozen=True)
class FileDecoder:
    """How files are decoded; a process makes its recogniser of this.

    Attributes:
        bundle: the model's folder.
        method: a name with its extras; None for the best that the model has.
        resources: what the extras are.
        overrides: `option=value` strings.
        device: as `--device` names it.
        threads: that a process may compute with.
        max_seconds: longest audio.
        backend: what runs the model.
    """

    bundle: Path
    method: str | None
    resources: ResourcePaths
    overrides: tuple[str, ...]
    device: str
    threads: int
    max_seconds: float
    backend: Backend = "torch"

    def load(self) -> Recognizer:
        """Load the model.

        Raises:
            UserError: the bundle or the resources are damaged, or do not fit the method.
        """
        import torch

        from asr.decoding.resources import load_resources
        from asr.deploy.backends import load_for_backend

        torch.set_num_threads(self.threads)
        bundle = load_for_backend(self.bundle, self.backend, self.device)
        return self.recognizer(bundle, load_resources(self.resources, bundle, bundle.model.device))

    def recognizer(
        self, bundle: Bundle, resources: Resources, method: str | None = None
    ) -> Recognizer:
        """Return what decodes with a loaded model.

        Without a method it is the model's best, with what was given, as live sessions have it.

        Args:
            method: in the place of the decoder's own.

        Raises:
            UserError: the model or the resources lack what the method needs, or the method has no
                use for what was given.
        """
        from asr.config.decoding import default_method
        from asr.decoding.base import model_parts
        from asr.decoding.recognizer import Recognizer

        method = method or self.method
        method = method or default_method(model_parts(bundle.model), resources.given)
        return Recognizer(bundle, method, resources=resources, overrides=self.overrides)


@dataclass(frozen=True)
class Answer:
    """What is made of a file: a body, or a refusal's code and message.

    Attributes:
        notes: a sentence for each thing that was asked for and changes nothing.
    """

    body: str = ""
    code: str | None = None
    message: str = ""
    notes: tuple[str, ...] = field(default=())


class _Process:
    """What a process keeps between files.

    Args:
        pipe: where events are written to, a line of JSON each.
    """

    def __init__(self, decoder: FileDecoder, pipe: Connection) -> None:
        self.decoder, self._pipe = decoder, pipe
        self._recognizer: Recognizer | None = None
        self._favouring: tuple[tuple[str, ...], Recognizer] | None = None

    def tell(self, event: dict[str, Any]) -> None:
        line = json.dumps(event).encode() + b"\n"
        while line:
            line = line[os.write(self._pipe.fileno(), line) :]

    @property
    def recognizer(self) -> Recognizer:
        if self._recognizer is None:
            self._recognizer = self.decoder.load()
        return self._recognizer

    def favouring(self, wishes: Wishes) -> tuple[Recognizer, list[str]]:
        """Return what decodes with a request's phrases, and a note on those that are not used."""
        from asr.serving.files.prompts import phrases_of, usable_phrases

        recognizer = self.recognizer
        phrases = list(dict.fromkeys([*wishes.keywords, *phrases_of(wishes.prompt)]))
        if not phrases:
            notes = ["prompt changes nothing: it names nothing to favour."] if wishes.prompt else []
            return recognizer, notes
        name = _with_hotwords(recognizer.method)
        if name is None:
            return recognizer, [f"prompt changes nothing: {recognizer.method} takes no hotwords."]
        usable, left_out = usable_phrases(phrases, recognizer.bundle.tokenizer)
        notes = []
        if left_out:
            few = ", ".join(f"'{phrase[:40]}'" for phrase in left_out[:5])
            notes.append(f"prompt: {few} cannot be used: the model cannot spell them, or they are "
                         "too many.")  # fmt: skip
        if not usable:
            return recognizer, notes
        if self._favouring is None or self._favouring[0] != tuple(usable):
            self._favouring = (tuple(usable), self._made(name, usable))
        return self._favouring[1], notes

    def _made(self, method: str, phrases: Sequence[str]) -> Recognizer:
        from asr.decoding.hotwords.scorer import hotword_scorer
        from asr.text.hotwords import Hotword

        bundle, resources = self.recognizer.bundle, self.recognizer.resources
        scorer = hotword_scorer([Hotword(phrase) for phrase in phrases], bundle.tokenizer)
        return self.decoder.recognizer(bundle, replace(resources, hotwords=scorer), method)


def _with_hotwords(method: str) -> str | None:
    """Return a method's name with hotwords, None where it takes none."""
    from asr.config.decoding import HOTWORDS, METHODS, MethodName

    name = MethodName.parse(method)
    if HOTWORDS not in METHODS[name.base].takes:
        return None
    extras = (*name.extras, *(() if HOTWORDS in name.extras else (HOTWORDS,)))
    return str(MethodName.parse("+".join((name.base, *extras))))


_process: _Process | None = None


def begin(decoder: FileDecoder, pipe: Connection) -> None:
    """Set a process up: it ends with the server and leaves signals to it."""
    global _process
    _process = _Process(decoder, pipe)
    os.environ["TQDM_DISABLE"] = "1"
    begin_helper()


def transcribe(path: Path, wishes: Wishes, strict: bool) -> Answer:
    """Transcribe a file.

    The pipe is told when the file is begun, and, where that is wished, its words as they come.
    """
    from asr.config.transcription import TranscriptionOptions
    from asr.decoding.long_audio.recordings import AudioFile
    from asr.serving.files.responses import delta_event, done_event, render
    from asr.transcription.long_audio import transcribe_file

    assert _process is not None
    limit, tell = _process.decoder.max_seconds, _process.tell
    recognizer, notes = _process.favouring(wishes)
    notes = [*wishes.notes, *notes]
    if strict and notes:
        return Answer(code="unsupported_parameter", message=notes[0])
    before: Word | None = None

    def settled(words: Sequence[Word]) -> None:
        nonlocal before
        if words:
            tell(delta_event(words, before, wishes.logprobs))
            before = words[-1]

    tell({"type": BEGUN})
    try:
        file = AudioFile.open(path, limit)
        refusal = _out_of_bounds(file.sampling_rate, file.duration, limit)
        if refusal is not None:
            return refusal
        if file.warning:
            notes.append(f"The file is damaged: {file.warning}.")
        listener = settled if wishes.stream else None
        transcript = transcribe_file(recognizer, path, TranscriptionOptions(), listener=listener)
    except UserError as error:
        if error.where != str(path):
            raise
        message = f"The file {error.what}. {error.todo}".strip()
        return Answer(code="not_audio", message=message)
    if wishes.stream:
        event = done_event(transcript, wishes.logprobs, notes)
        return Answer(json.dumps(event, ensure_ascii=False), notes=tuple(notes))
    body = render(
        transcript, wishes.response_format, wishes.granularities, wishes.language, wishes.logprobs
    )
    return Answer(body, notes=tuple(notes))


def _out_of_bounds(rate: int, duration: float, limit: float) -> Answer | None:
    """Return the refusal of audio that no work is begun for.

    A header of a few Hz makes hours of work of a few bytes.
    """
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        what = f"The file's sampling rate is {rate} Hz; it must lie between {_LOWEST_RATE} and "
        return Answer(code="not_audio", message=f"{what}{_HIGHEST_RATE} Hz.")
    if duration > limit:
        message = f"The audio is {duration:.0f} s long; at most {limit:g} s are taken."
        return Answer(code="audio_too_long", message=message)
    return None
