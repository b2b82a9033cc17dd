"""One speaker's stream: audio in, partial texts and segments out."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from torch import Tensor

from asr.bundle import Bundle
from asr.config.streaming import StreamingOptions
from asr.decoding.hypothesis import Hypothesis
from asr.errors import UserError
from asr.signal.features.fbank import FbankExtractor
from asr.streaming.audio import as_mono_floats
from asr.streaming.endpoints import endpoint
from asr.streaming.features import FrameBuffer
from asr.streaming.passes import Passes
from asr.streaming.resampling import StreamResampler
from asr.streaming.results import Partial, Segment, common_start, joined
from asr.streaming.segments import SpokenSegment
from asr.streaming.states import StreamState


class SessionHost(Protocol):
    """What a session asks of the `StreamingRecognizer` that it belongs to."""

    bundle: Bundle
    options: StreamingOptions
    extractor: FbankExtractor
    passes: Passes

    @property
    def chunk_features(self) -> int:
        """Feature frames of a chunk."""

    @property
    def window_features(self) -> int:
        """Feature frames of a chunk and its look-ahead."""

    def advance(self, sessions: Sequence[StreamingSession]) -> object:
        """Decode the next chunks of some sessions; false where nothing was left to do."""


class StreamingSession:
    """A stream of audio; made by `StreamingRecognizer.session`.

    `accept` and `finish` are all that one stream needs. A server that has many uses `push` and
    `end_input`, which only queue, and runs `StreamingRecognizer.advance` for all of them.

    Samples may be pushed and events read in another thread than the one that advances; `accept`,
    `finish` and `advance` belong into one thread at a time.

    Attributes:
        sampling_rate: of the samples it takes, Hz.
        state: the encoder's; its past goes on through all segments.
        segment: the one that is being spoken.
        in_step: a chunk of it was searched, and what follows from that is being made. Where that
            raised, the session cannot go on; one that is not in a step can, whatever happened to
            others of its batch. A second pass changes nothing until it is done, and may be made
            again.
    """

    def __init__(self, recognizer: SessionHost, sampling_rate: int, state: StreamState) -> None:
        self.sampling_rate = sampling_rate
        self._recognizer = recognizer
        self._lock = threading.Lock()  # of what `push` fills and the recogniser takes from
        self._resampler = StreamResampler(sampling_rate, recognizer.extractor.params.sampling_rate)
        self._frames = FrameBuffer(recognizer.extractor)
        self._num_received = 0
        self._ended = False
        self.state = state
        self.in_step = False
        self._window_frames = 0  # of the window that is being decoded: those it is decoded for
        self.segment = SpokenSegment(0, 0, recognizer.passes.start())
        self._partial = Partial(0)
        self._shown: tuple[list[int], int] = ([], 0)  # tokens of the partial, and stable ones
        self._finals: list[Segment] = []
        self._events: deque[Partial | Segment] = deque()
        self._result: Hypothesis | None = None

    def accept(self, samples: np.ndarray) -> None:
        """Take samples and decode the chunks that are complete.

        Args:
            samples: one channel, (N,), of any length; floats within +-1 or 16-bit integers.

        Raises:
            UserError: they are of another type or shape, hold values that are not finite, or the
                session has ended. The session stays as it was.
        """
        self.push(samples)
        while self._recognizer.advance([self]):
            pass

    def push(self, samples: np.ndarray) -> None:
        """Queue samples, as `accept` takes them, without decoding."""
        checked = as_mono_floats(samples)
        with self._lock:
            if self._ended:
                raise UserError("the session has ended: it takes no more samples")
            self._num_received += len(checked)
            self._frames.push(self._resampler.push(checked))

    def end_input(self) -> None:
        """Say that no more samples will come; the recogniser decodes the rest and finishes."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._frames.push(self._resampler.finish())
                self._frames.end()

    def finish(self) -> Hypothesis:
        """Decode what is left and return the text of the whole session.

        Without an endpoint that is the hypothesis of its one segment; otherwise those of all
        segments, joined. Asking again returns the same.
        """
        self.end_input()
        while self._result is None:
            self._recognizer.advance([self])
        return self._result

    def partial(self) -> Partial:
        """Return the first pass' text of the segment that is being spoken."""
        return self._partial

    @property
    def finals(self) -> list[Segment]:
        """The segments that have ended."""
        return list(self._finals)

    def events(self) -> list[Partial | Segment]:
        """Return what changed since the last call, in its order.

        Of partials of one segment with nothing between them only the last is kept.
        """
        with self._lock:
            drained = list(self._events)
            self._events.clear()
        return drained

    @property
    def finished(self) -> bool:
        """Whether all has been decoded after the input's end."""
        return self._result is not None

    @property
    def seconds_received(self) -> float:
        """Seconds of audio that came in."""
        return self._num_received / self.sampling_rate

    @property
    def seconds_decoded(self) -> float:
        """Seconds of audio that the first pass has seen."""
        return self._end_of(self.segment.first_frame + self.segment.num_frames)

    @property
    def nbytes(self) -> int:
        """Bytes of audio, encoder state and encodings held; texts are not counted."""
        with self._lock:
            waiting = self._frames.nbytes + self._resampler.nbytes
        return waiting + self.segment.nbytes + self.state.nbytes

    # What follows is the recogniser's, from the thread that advances.

    @property
    def has_work(self) -> bool:
        """Whether a chunk or a second pass waits, or what is left when the input has ended."""
        if self.is_ending:
            return True
        with self._lock:
            if self._ended:
                return not self.finished
            return self._frames.num_ready >= self._recognizer.window_features

    @property
    def is_ending(self) -> bool:
        """Whether the segment has ended and waits for its second pass, and all audio behind it."""
        return self.segment.ending is not None

    def next_window(self) -> tuple[np.ndarray | None, bool]:
        """Return the samples of the next chunk and its look-ahead, and whether it is the last.

        None where no frame is left. Until `begin_step` nothing has changed.
        """
        wanted = self._recognizer.window_features
        with self._lock:
            ready = self._frames.num_ready
            count = min(ready, wanted)
            self._window_frames = min(count, self._recognizer.chunk_features)
            window = self._frames.peek(count) if count else None
            return window, self._ended and ready == self._window_frames

    def begin_step(self) -> None:
        """Go on behind the chunk of `next_window`, which has been searched."""
        self.in_step = True
        with self._lock:
            self._frames.skip(self._window_frames)

    def extend(self, encodings: Tensor, log_probs: Tensor, best_symbols: list[int]) -> None:
        """Take the encoder frames of a chunk: (T, D), (T, V) and the best symbol of each."""
        self.segment.extend(encodings, log_probs, best_symbols)

    def endpoint(self) -> str | None:
        """Return the rule that ends the segment here, None where none does."""
        options, frame = self._recognizer.options, self._recognizer.bundle.seconds_per_encoding
        return endpoint(self.segment.progress, options, frame)

    def show_partial(self) -> None:
        """Publish the first pass' text if it changed."""
        search = self.segment.search
        end = self.seconds_decoded
        if (search.best.tokens, search.num_stable) == self._shown:
            self._partial = replace(self._partial, end=end)
            return
        text, words = self._partial.text, self._partial.words
        if search.best.tokens != self._shown[0]:
            hypothesis = self._recognizer.passes.first_hypothesis(self.segment)
            text, words = hypothesis.text, tuple(hypothesis.words)
        self._shown = (search.best.tokens, search.num_stable)
        stable = self._stable_text(text)
        before = (self._partial.text, self._partial.stable)
        self._partial = replace(
            self._partial,
            text=text,
            stable=stable,
            words=words,
            end=end,
        )
        if before != (text, stable):
            self._publish(self._partial)

    def end_segment(self, final: Hypothesis, first_pass: Hypothesis) -> None:
        """Publish the segment and begin the next; one that never had a label is passed over."""
        segment = self.segment
        assert segment.ending is not None
        index = segment.index
        if final.tokens or first_pass.tokens or self._partial.text:
            start, end = self._partial.start, self.seconds_decoded
            ended = Segment(index, start, end, segment.ending.reason, final, first_pass)
            self._finals.append(ended)
            self._publish(ended)
            index += 1
        self._begin(index, segment.first_frame + segment.num_frames)

    def complete(self, last: Hypothesis) -> None:
        """Make the session's result of its segments; of the last one where none had a label."""
        spoken = [segment.hypothesis for segment in self._finals]
        self._result = joined(spoken or [last])

    def _begin(self, index: int, first_frame: int) -> None:
        self.segment = SpokenSegment(index, first_frame, self._recognizer.passes.start())
        start = self._end_of(first_frame)
        self._partial = Partial(index, start=start, end=start)
        self._shown = ([], 0)

    def _stable_text(self, text: str) -> str:
        """Return the beginning of `text` that the stable tokens make, never less than before."""
        search = self.segment.search
        tokenizer = self._recognizer.bundle.tokenizer
        stable = tokenizer.decode(search.best.tokens[: search.num_stable])
        before = self._partial.stable
        if text.startswith(before) and len(before) > len(stable):
            return before
        return common_start(stable, text)

    def _publish(self, event: Partial | Segment) -> None:
        with self._lock:
            last = self._events[-1] if self._events else None
            if type(last) is type(event) is Partial:
                self._events.pop()
            self._events.append(event)

    def _end_of(self, frame: int) -> float:
        return frame * self._recognizer.bundle.seconds_per_encoding
