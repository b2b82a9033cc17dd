"""Recognition while people speak: many sessions through one model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from asr.bundle import Bundle, load_bundle
from asr.config.decoding import DecodingOptions
from asr.config.streaming import StreamingOptions
from asr.decoding.base import scores_not_finite
from asr.decoding.resources import NO_RESOURCES, Resources
from asr.decoding.searches.greedy import best_symbols
from asr.devices import memory_errors
from asr.feeding.batches.dataset import collate_features
from asr.files import PathLike
from asr.models.encoders import EncoderState
from asr.models.masks import padding_mask
from asr.signal.features.fbank import FbankExtractor
from asr.streaming.chunks import session_chunking
from asr.streaming.endings import Turns
from asr.streaming.features import features_of
from asr.streaming.passes import Passes
from asr.streaming.session import StreamingSession
from asr.streaming.states import StreamState, gathered, moved_on

FINISH = "finish"


@dataclass(frozen=True)
class Round:
    """What `StreamingRecognizer.advance` did; false where nothing was left to do.

    Attributes:
        chunks: that were decoded, each of another session.
        segments: whose final texts were made.
    """

    chunks: int
    segments: int

    def __bool__(self) -> bool:
        return self.chunks + self.segments > 0


class StreamingRecognizer:
    """Recognises any number of streams with one model.

    What a session gives equals what `Recognizer(bundle, method, chunking=chunking)` gives for the
    same audio, as long as no endpoint divides it; docs/streaming.md says what holds when one does.

    Args:
        bundle: the model with its tokenizer and feature settings.
        options: chunks, passes, endpoints.
        resources: language models and hotwords, for all sessions.
        decoding: weights and beams; the default is what the bundle has for `method`.

    Attributes:
        chunking: what the encoder sees.
        method: the decoding method whose texts the segments have.

    Raises:
        UserError: the model cannot do what the options ask for.
    """

    def __init__(
        self,
        bundle: Bundle,
        options: StreamingOptions | None = None,
        resources: Resources = NO_RESOURCES,
        decoding: DecodingOptions | None = None,
    ) -> None:
        self.bundle = bundle
        self.options = options or StreamingOptions()
        self.chunking = session_chunking(bundle, self.options)
        self.passes = Passes(bundle, self.options, resources, decoding)
        self.method = self.passes.method
        self.extractor = FbankExtractor(bundle.config.features_params)
        self._initial_state()  # a model that cannot stream says so here, not to the first speaker
        self._turns = Turns(self._frames_rescored_at_once())

    @classmethod
    def load(
        cls,
        directory: PathLike,
        options: StreamingOptions | None = None,
        device: str | torch.device = "cpu",
        resources: Resources = NO_RESOURCES,
    ) -> StreamingRecognizer:
        """Load a bundle directory and stream with it."""
        return cls(load_bundle(directory, device), options, resources)

    @property
    def chunk_features(self) -> int:
        """Feature frames of a chunk."""
        return self.chunking.chunk_size * self.bundle.model.encoder.subsampling_factor

    @property
    def window_features(self) -> int:
        """Feature frames that must be there before a chunk is decoded: its look-ahead as well."""
        return self.chunking.delay * self.bundle.model.encoder.subsampling_factor

    @property
    def chunk_seconds(self) -> float:
        """Seconds of audio in a chunk."""
        return self.chunking.chunk_size * self.bundle.seconds_per_encoding

    def session(self, sampling_rate: int | None = None) -> StreamingSession:
        """Begin a stream.

        Args:
            sampling_rate: of the samples that will come, Hz; the model's own when left out.

        Raises:
            UserError: audio of this rate cannot be resampled while it arrives.
        """
        rate = self.extractor.params.sampling_rate if sampling_rate is None else sampling_rate
        return StreamingSession(self, rate, self._initial_state())

    @torch.inference_mode()
    def advance(self, sessions: Sequence[StreamingSession]) -> Round:
        """Decode the next chunk of every session that has one, all in one batch.

        Sessions whose input has ended decode the rest; with their last chunk they finish.

        Where segments end, their second passes follow, up to `second_pass_seconds` of audio. Those
        beyond it are left to later rounds, and what their sessions hear next waits with them.

        Returns:
            What was done; after a round in which nothing was, no session has work left.

        Raises:
            UserError: the model's scores are not finite. After this or any other error sessions
                that are not `in_step` are as they were, and may be advanced in other batches.
        """
        going, windows, finishing = [], [], set()
        working = [session for session in dict.fromkeys(sessions) if session.has_work]
        speaking = [session for session in working if not session.is_ending]
        for session in speaking:
            window, is_last = session.next_window()
            if is_last:
                finishing.add(session)
            if window is not None:
                going.append(session)
                windows.append(window)
        if going:
            self._decode(going, windows)
        due = self._ending(working, finishing)
        for session in speaking:
            if session not in due:
                session.show_partial()
            session.in_step = False
        self._end_segments(due)
        return Round(len(going), len(due))

    def _ending(
        self, sessions: Iterable[StreamingSession], finishing: set[StreamingSession]
    ) -> list[StreamingSession]:
        """Note where segments end; return the sessions whose second pass it is time for."""
        ended = {}
        for session in sessions:
            if not session.is_ending:
                reason = FINISH if session in finishing else session.endpoint()
                if reason is None:
                    continue
                self._turns.end(session.segment, reason)
            ended[session.segment] = session
        return [ended[segment] for segment in self._turns.due(ended)]

    def _decode(self, sessions: list[StreamingSession], windows: list[np.ndarray]) -> None:
        """Encode a chunk of each session and take it into the first pass."""
        features, lengths = collate_features(features_of(self.extractor, windows))
        with memory_errors(f"encoding a batch of {tuple(features.shape)} features"):
            encodings, lengths, following = self._step(sessions, features, lengths)
        log_probs = self.bundle.model.ctc_log_probs(encodings)
        padding = padding_mask(lengths, log_probs.size(1))
        best_scores = log_probs.amax(dim=2)  # NaN where any is
        if (~best_scores.isfinite() & ~padding.to(log_probs.device)).any():
            raise scores_not_finite("a streaming session")
        searches = [session.segment.search for session in sessions]
        self.passes.advance(searches, log_probs, lengths)
        for session in sessions:
            session.begin_step()
        moved_on([session.state for session in sessions], following)
        self.passes.check_scores(searches)
        symbols = best_symbols(log_probs)[0].tolist()
        for row, (session, count) in enumerate(zip(sessions, lengths.tolist(), strict=True)):
            session.extend(encodings[row, :count], log_probs[row, :count], symbols[row][:count])

    def _step(
        self, sessions: list[StreamingSession], features: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, EncoderState]:
        """Encode a chunk and its look-ahead (B, T, F).

        Returns:
            the chunk's encodings (B, T', D), their lengths (B,), and the states that follow.
        """
        model, size = self.bundle.model, self.chunk_features
        features, lengths = features.to(model.device), lengths.to(model.device)
        shorter = lengths if bool((lengths < features.size(1)).any()) else None
        features = model.normalise(features)
        encodings, following = model.encoder.step(
            features[:, :size],
            gathered([session.state for session in sessions]),
            shorter,
            features[:, size:] if features.size(1) > size else None,
        )
        return encodings, model.encoder.output_lengths(lengths.clamp(max=size)), following

    def _end_segments(self, sessions: Sequence[StreamingSession]) -> None:
        """Make the second pass of segments that have ended, and publish what it gives."""
        segments = [session.segment for session in sessions]
        finals = self.passes.final_hypotheses(segments)
        firsts = [self.passes.first_hypothesis(segment) for segment in segments]
        for session, final, first in zip(sessions, finals, firsts, strict=True):
            ending = session.segment.ending
            session.in_step = True
            session.end_segment(final, first)
            if ending is not None and ending.reason == FINISH:
                session.complete(final)
                session.state = self._initial_state()  # lets go of its past
            session.in_step = False

    def _frames_rescored_at_once(self) -> float:
        """Return the encoder frames whose second pass is made in one round."""
        seconds = self.options.second_pass_seconds
        if seconds is None or not self.passes.rescores:
            return math.inf
        return seconds / self.bundle.seconds_per_encoding

    @torch.inference_mode()
    def _initial_state(self) -> StreamState:
        return StreamState(self.bundle.model.encoder.initial_state(1, self.chunking))
