"""What live sessions cost: chunks a second through one model, for 1, 8 and 50 sessions.

Feeds the test set of egs/mini, with a second of silence behind each utterance, to sessions that
begin at different places of it, in packets of 100 ms, and advances them together. Endpoints, second
pass, partials with their words and the reading of events count. Times are of the processor, on one
thread, without loading; the fastest of several runs counts. The table goes to
benchmarks/streaming.md.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from lhotse import CutSet
from processes import machine

from asr.bundle import Bundle, load_bundle
from asr.config.streaming import StreamingOptions
from asr.streaming import StreamingRecognizer

MINI = Path(__file__).resolve().parents[1] / "egs" / "mini"
SESSIONS = (1, 8, 50)
FIRST_PASSES = ("ctc-greedy", "ctc-prefix-beam")
SILENCE = 1.0  # seconds
PACKET = 0.1  # seconds


@dataclass(frozen=True)
class Cost:
    """Of all sessions of a run together: CPU seconds, chunks, segments; one session's bytes."""

    seconds: float
    chunks: int
    segments: int
    session_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=MINI / "exp" / "conformer" / "bundle")
    parser.add_argument("--cuts", type=Path, default=MINI / "data" / "en" / "test" / "cuts.jsonl")
    parser.add_argument("--chunk-ms", type=float, default=320.0)
    parser.add_argument("--seconds", type=float, default=20.0, help="of audio a session")
    parser.add_argument("--repeats", type=int, default=3, help="the fastest one counts")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    bundle = load_bundle(options.bundle)
    audio = recordings(options.cuts, bundle.config.features_params.sampling_rate)
    rows = []
    for first_pass in FIRST_PASSES:
        streaming = StreamingOptions(first_pass=first_pass, chunk_ms=options.chunk_ms)
        for sessions in SESSIONS:
            runs = range(options.repeats)
            costs = [measure(bundle, streaming, audio, sessions, options.seconds) for _ in runs]
            fastest = min(costs, key=lambda cost: cost.seconds)
            rows.append(row(first_pass, sessions, fastest, options.seconds))
            print(rows[-1], flush=True)
    text = render(bundle, options.chunk_ms, rows)
    options.output.write_text(text, encoding="utf-8")
    print(text)


def recordings(cuts: Path, rate: int) -> np.ndarray:
    """Return all utterances in a row, float32 (N,)."""
    silence = np.zeros(round(SILENCE * rate), np.float32)
    pieces = [
        piece
        for cut in CutSet.from_file(cuts)
        for piece in (cut.drop_features().load_audio()[0].astype(np.float32), silence)
    ]
    return np.concatenate(pieces)


def measure(
    bundle: Bundle, options: StreamingOptions, audio: np.ndarray, sessions: int, seconds: float
) -> Cost:
    """Stream `seconds` of audio to each session."""
    recognizer = StreamingRecognizer(bundle, options)
    rate = recognizer.extractor.params.sampling_rate
    streams = [np.roll(audio, -n * len(audio) // sessions) for n in range(sessions)]
    live = [recognizer.session() for _ in streams]
    size, chunks, segments = round(PACKET * rate), 0, 0
    before = time.process_time()
    for start in range(0, round(seconds * rate), size):
        for session, stream in zip(live, streams, strict=True):
            session.push(stream[start : start + size])
        chunks += recognizer.advance(live).chunks
        for session in live:
            session.events()
    spent = time.process_time() - before
    segments = sum(len(session.finals) for session in live)
    return Cost(spent, chunks, segments, max(session.nbytes for session in live))


def row(first_pass: str, sessions: int, cost: Cost, seconds: float) -> str:
    cells = [
        first_pass,
        str(sessions),
        f"{cost.chunks / cost.seconds:.0f}",
        f"{1000 * cost.seconds / cost.chunks:.2f}",
        f"{100 * cost.seconds / seconds:.1f} %",
        str(cost.segments),
        f"{cost.session_bytes / 1e6:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def render(bundle: Bundle, chunk_ms: float, rows: list[str]) -> str:
    return "\n".join(
        [
            "# Cost of live sessions",
            "",
            "Written by `python benchmarks/streaming.py`, which says how; what is typed here is "
            f"overwritten. {machine()}, one thread; a model of "
            f"{bundle.model.num_parameters / 1e6:.1f} M parameters, chunks of {chunk_ms:g} ms.",
            "",
            "| first pass | sessions | chunks/s | ms a chunk | of a core, at real time "
            "| segments | MB a session |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()
