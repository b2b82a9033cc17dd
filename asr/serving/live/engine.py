"""The thread that owns the live model, and the sessions it serves in batches.

Audio enters from the event loop, results go back to it; only the worker touches the model. In a
round every session that has audio hands over at most a chunk of it. Chunks that this completes are
run as one batch, those of other lists of hotwords in their turn, and what changed is sent. Nothing
waits for a batch to fill: while one is computed the next one gathers, so that batches are as large
as the load asks for.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from prometheus_client import Histogram

from asr.serving.errors import RefusedError
from asr.serving.live.arrivals import Arrivals
from asr.serving.live.messages import done_message, final_message, partial_message
from asr.serving.live.outbox import Outbox
from asr.serving.live.recognizers import Recognizers
from asr.serving.live.shares import Shares
from asr.serving.metrics import Metrics
from asr.streaming import Segment, StreamingRecognizer, StreamingSession

_log = logging.getLogger(__name__)
_JOIN_SECONDS = 30.0


class LiveSession:
    """A client's session as the event loop sees it; made by `Engine.open`.

    Attributes:
        outbox: what is to be sent; its last message is `done`, or an error when the model failed.
        received: seconds of audio handed over so far.
    """

    def __init__(
        self,
        engine: Engine,
        recognizer: StreamingRecognizer,
        stream: StreamingSession,
        partials: bool,
        client: str | None,
    ) -> None:
        self.recognizer = recognizer
        self.client: Hashable = client or object()  # one that nothing tells apart is its own
        self.sampling_rate = stream.sampling_rate
        self.partials = partials
        self.outbox = Outbox()
        self.received = 0.0  # seconds of audio
        self.work = _Work(stream)
        self._engine = engine
        self._waiting = 0.0  # seconds of audio that the worker has not taken
        self._room = asyncio.Event()
        self._room.set()

    async def push(self, samples: np.ndarray) -> None:
        """Hand over samples (N,); waits while `queue_seconds` of audio are waiting already."""
        await self._room.wait()
        seconds = len(samples) / self.sampling_rate
        self.received += seconds
        self._waiting += seconds
        self._engine.note_waiting(self._waiting)
        if self._waiting >= self._engine.queue_seconds:
            self._room.clear()
        self._engine.submit(self, samples, self.received)

    def finish(self) -> None:
        """Say that no more audio comes: the last results follow, then `done`."""
        self._engine.end(self, discard=False)

    def discard(self) -> None:
        """Forget the session and what waits of it."""
        self._engine.end(self, discard=True)

    def deliver(self, result: _Result) -> None:
        """Take what a round of the worker gave."""
        self._waiting -= result.taken
        if self._waiting < self._engine.queue_seconds:
            self._room.set()
        for message in result.messages:
            self.outbox.put(message)


@dataclass(eq=False)
class _Work:
    """What the worker has to do for a session; the engine's lock guards all but the stream."""

    stream: StreamingSession
    inbox: deque[np.ndarray] = field(default_factory=deque)
    arrivals: Arrivals = field(default_factory=Arrivals)
    finishing: bool = False
    discarded: bool = False


@dataclass
class _Result:
    """Of one round for one session."""

    taken: float = 0.0  # seconds of audio
    messages: list[dict[str, Any]] = field(default_factory=list)


class Engine:
    """Runs a recogniser in a thread of its own for any number of sessions.

    Args:
        recognizers: used by the worker thread only, but for new sessions.
        metrics: counts what is done.
        queue_seconds: audio of a session that may wait before its client is slowed down.
        threads: that the model may compute with.
    """

    def __init__(
        self,
        recognizers: Recognizers,
        metrics: Metrics,
        queue_seconds: float,
        threads: int,
    ) -> None:
        self.queue_seconds = queue_seconds
        self._recognizers = recognizers
        self._metrics = metrics
        self._threads = threads
        self._changed = threading.Condition()
        self._pending: dict[LiveSession, None] = {}  # those with something new, oldest first
        self._open: dict[LiveSession, None] = {}  # those the worker has begun; only it changes this
        self._shares = Shares()
        self._most_waiting = 0.0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def chunk_seconds(self) -> float:
        """Audio that is decoded at once."""
        return self._recognizers.default.chunk_seconds

    @property
    def alive(self) -> bool:
        """Whether the worker runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the worker; to be called from the event loop that results go to."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="asr-live", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """End the worker; sessions that are still open are forgotten."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _JOIN_SECONDS)

    async def open(
        self,
        sampling_rate: int,
        hotwords: Sequence[str] = (),
        partials: bool = True,
        client: str | None = None,
    ) -> LiveSession:
        """Return a new session.

        Args:
            client: whose it is, as `client_of` says.

        Raises:
            UserError: audio of `sampling_rate` Hz cannot be resampled, or hotwords not be used.
        """
        recognizer = await self._recognizers.favouring(hotwords, client)
        stream = recognizer.session(sampling_rate)
        return LiveSession(self, recognizer, stream, partials, client)

    def note_waiting(self, seconds: float) -> None:
        """Remember the most audio that waited in a session."""
        self._most_waiting = max(self._most_waiting, seconds)
        self._metrics.most_waiting.set(self._most_waiting)

    def submit(self, session: LiveSession, samples: np.ndarray, received: float) -> None:
        """Queue samples; `received` is the session's audio in seconds, these included."""
        with self._changed:
            session.work.inbox.append(samples)
            session.work.arrivals.note(received, time.monotonic())
            self._pending[session] = None
            self._changed.notify()

    def end(self, session: LiveSession, discard: bool) -> None:
        """Mark a session as finishing, or as gone."""
        with self._changed:
            session.work.finishing = True
            if discard:
                session.work.discarded = True
                session.work.inbox.clear()
            self._pending[session] = None
            self._changed.notify()

    def _run(self) -> None:
        torch.set_num_threads(self._threads)
        running = False
        while self._wait(running):
            begin = time.perf_counter()
            try:
                running = self._round()
            except Exception:
                _log.exception("the worker failed; the open sessions are ended")
                self._fail_all()
                running = False
            self._metrics.compute_seconds.inc(time.perf_counter() - begin)

    def _wait(self, running: bool) -> bool:
        """Wait for work, not at all after a round that had some; False when it is time to stop."""
        with self._changed:
            while not (self._stopping or self._pending or running):
                self._changed.wait()
            return not self._stopping

    def _round(self) -> bool:
        """Run a batch; return whether there was anything to run."""
        results: dict[LiveSession, _Result] = {}
        for session, samples, ends in self._take():
            self._open[session] = None
            taken = sum(map(len, samples)) / session.sampling_rate
            results[session] = _Result(taken)
            with self._answerable(session, results):
                for part in samples:
                    session.work.stream.push(part)
                if ends:
                    session.work.stream.end_input()
            self._metrics.audio_seconds.inc(taken)
        worked = self._advance(results)
        for session in list(self._open):
            with self._answerable(session, results):
                self._collect(session, results)
        self._send(results)
        return worked

    @contextmanager
    def _answerable(
        self, session: LiveSession, results: dict[LiveSession, _Result]
    ) -> Iterator[None]:
        """End a session, and no other, when what is done for it alone raises."""
        try:
            yield
        except Exception:
            _log.exception("a live session failed and is ended")
            self._fail(session, results)

    def _advance(self, results: dict[LiveSession, _Result]) -> bool:
        """Decode a chunk of every session that has one, with the same list of hotwords.

        Each list is a batch of its own. It is the turn of the one with the client that has had
        least of the model's time. The others come in the next rounds, behind who has come since.

        Returns:
            whether any session had work.
        """
        groups: dict[StreamingRecognizer, list[LiveSession]] = {}
        for session in self._open:
            if session.work.stream.has_work:
                groups.setdefault(session.recognizer, []).append(session)
        if not groups:
            return False
        clients = {each: [one.client for one in sessions] for each, sessions in groups.items()}
        recognizer = min(groups, key=lambda each: self._shares.least(clients[each]))
        sessions, begin = groups[recognizer], time.perf_counter()
        try:
            self._advance_batch(recognizer, sessions)
        except Exception:
            _log.exception("a batch of %d live sessions failed", len(sessions))
            self._advance_singly(recognizer, sessions, results)
        self._shares.charge(clients[recognizer], time.perf_counter() - begin)
        return True

    def _advance_batch(
        self, recognizer: StreamingRecognizer, sessions: Sequence[LiveSession]
    ) -> None:
        done = recognizer.advance([session.work.stream for session in sessions])
        if done.chunks:
            self._metrics.chunks.inc(done.chunks)
            self._metrics.batch_size.observe(done.chunks)

    def _advance_singly(
        self,
        recognizer: StreamingRecognizer,
        sessions: Sequence[LiveSession],
        results: dict[LiveSession, _Result],
    ) -> None:
        """Decode those of a batch that failed: who fails again, or lost its chunk, is ended."""
        for session in sessions:
            if session.work.stream.in_step:
                self._fail(session, results)
            elif session.work.stream.has_work:
                with self._answerable(session, results):
                    self._advance_batch(recognizer, [session])

    def _take(self) -> list[tuple[LiveSession, list[np.ndarray], bool]]:
        """Take up to a chunk of audio of every session that has some; forget those that are gone.

        Audio of sessions that wait for a second pass, or for their turn with the chunk that they
        have, is left: queued here it slows its client down.

        Returns:
            of each session its samples, and whether they are its last.
        """
        taken = []
        with self._changed:
            for session in list(self._pending):
                work = session.work
                if (work.stream.is_ending or work.stream.has_work) and not work.discarded:
                    continue
                samples = _up_to(work.inbox, self.chunk_seconds * session.sampling_rate)
                if not work.inbox:
                    del self._pending[session]
                if work.discarded:
                    self._open.pop(session, None)
                else:
                    taken.append((session, samples, work.finishing and not work.inbox))
        return taken

    def _collect(self, session: LiveSession, results: dict[LiveSession, _Result]) -> None:
        stream = session.work.stream
        messages: list[dict[str, Any]] = []
        for event in stream.events():
            if isinstance(event, Segment):
                self._observe_delay(self._metrics.final_delay, session.work, event.end)
                messages.append(final_message(event))
                continue
            self._observe_delay(self._metrics.partial_delay, session.work, event.end)
            if session.partials:
                messages.append(partial_message(event))
        with self._changed:
            session.work.arrivals.forget(stream.seconds_decoded)
        if stream.finished:
            messages.append(done_message(stream.finish(), stream.seconds_received))
            del self._open[session]
        if messages:
            results.setdefault(session, _Result()).messages += messages

    def _observe_delay(self, delays: Histogram, work: _Work, end: float) -> None:
        """Measure from the arrival of the last audio that a result reflects."""
        with self._changed:
            arrived = work.arrivals.of(end)
        if arrived is not None:
            delays.observe(time.monotonic() - arrived)

    def _send(self, results: dict[LiveSession, _Result]) -> None:
        def deliver() -> None:
            for session, result in results.items():
                session.deliver(result)

        if results and self._loop is not None:
            self._loop.call_soon_threadsafe(deliver)

    def _fail(self, session: LiveSession, results: dict[LiveSession, _Result]) -> None:
        """End a session that the worker has begun."""
        self._open.pop(session, None)
        with self._changed:
            session.work.discarded = True
            session.work.inbox.clear()
        failure = RefusedError("internal", "The model failed; see the server's log.").event()
        results.setdefault(session, _Result()).messages.append(failure)

    def _fail_all(self) -> None:
        """End every session that the worker has begun: which one was at fault is not known."""
        results: dict[LiveSession, _Result] = {}
        for session in list(self._open):
            self._fail(session, results)
        self._send(results)


def _up_to(inbox: deque[np.ndarray], limit: float) -> list[np.ndarray]:
    """Take pieces until `limit` samples are reached, cutting the last one; at least one sample."""
    taken: list[np.ndarray] = []
    left = max(int(limit), 1)
    while inbox and left > 0:
        piece = inbox.popleft()
        if len(piece) > left:
            inbox.appendleft(piece[left:])
            piece = piece[:left]
        taken.append(piece)
        left -= len(piece)
    return taken
