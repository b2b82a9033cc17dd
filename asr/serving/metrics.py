"""What the server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_DELAYS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_UPLOADS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


class Metrics:
    """A registry of its own: two servers in one process do not add up.

    The real-time factor over a time is the increase of `asr_compute_seconds_total` divided by that
    of `asr_audio_seconds_total`.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.sessions = Gauge("asr_sessions", "live sessions that are open", registry=registry)
        self.ended = Counter(
            "asr_sessions_ended", "live sessions by how they ended", ["how"], registry=registry
        )
        self.refused = Counter(
            "asr_refused", "clients refused, by code", ["code"], registry=registry
        )
        self.audio_seconds = Counter(
            "asr_audio_seconds", "live audio handed to the model", registry=registry
        )
        self.compute_seconds = Counter(
            "asr_compute_seconds", "time the live model was at work", registry=registry
        )
        self.chunks = Counter("asr_chunks", "chunks decoded", registry=registry)
        self.batch_size = Histogram(
            "asr_batch_chunks", "chunks in a batch", buckets=_BATCHES, registry=registry
        )
        self.partial_delay = Histogram(
            "asr_partial_delay_seconds",
            "from the arrival of the last audio that a partial reflects to the partial",
            buckets=_DELAYS,
            registry=registry,
        )
        self.final_delay = Histogram(
            "asr_final_delay_seconds",
            "from the arrival of the last audio of a segment to its final text",
            buckets=_DELAYS,
            registry=registry,
        )
        self.uploads = Gauge(
            "asr_uploads", "files that are transcribed or wait for it", registry=registry
        )
        self.upload_seconds = Histogram(
            "asr_upload_seconds", "from a file's arrival to its answer", buckets=_UPLOADS,
            registry=registry,
        )  # fmt: skip
        self.most_waiting = Gauge(
            "asr_most_waiting_seconds",
            "most audio of a session that ever waited for the model",
            registry=registry,
        )
        self._queued = Gauge(
            "asr_queued_results", "results that wait for their clients", registry=registry
        )

    def watch_queue(self, length: Callable[[], float]) -> None:
        """Let the queue's gauge ask for its value when it is read."""
        self._queued.set_function(length)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
