"""`make bench`: how many people a server hears at once, and how soon they read what they say.

Starts `asr serve` on the loopback interface and speaks recordings to it in real time, in more and
more sessions; writes benchmarks/serving.md. Server and driver share the machine.

The delay of a result is measured where a user sits: from the moment at which the packet was sent
that holds the last audio the result reflects (`end`) to the moment at which the result was read.
Waiting for a chunk to fill is therefore not in it, waiting for packets to fill is: audio is sent in
packets of 100 ms, and a chunk whose last sample lies within a packet waits for its end. Delays are
of partials unless said; finals bring the second pass, and come when an endpoint rule is sure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import re
import subprocess
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asr.errors import UserError
from asr.files import read_jsonl, write_text

ROOT = Path(__file__).resolve().parents[1]
MINI = ROOT / "egs" / "mini"
PACKET = 0.1  # seconds
SPREAD = 5.0  # seconds within which sessions begin
PAUSE = 0.5  # seconds between two recordings
WANTED = 0.3  # seconds, of the 95th percentile


@dataclass
class Session:
    """What one session saw.

    Attributes:
        delays: seconds of each partial; see the module's text.
        final_delays: seconds of each final.
        late: seconds that each packet was sent behind its time.
        outcome: `done`, or the code of what ended it.
    """

    delays: list[float] = field(default_factory=list)
    final_delays: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    outcome: str = "lost"


@dataclass(frozen=True)
class Load:
    """What a number of sessions at once saw."""

    offered: int
    sessions: list[Session]
    batch: float  # chunks, mean
    busy: float  # share of the time that the live model was at work

    @property
    def served(self) -> list[Session]:
        return [session for session in self.sessions if session.outcome == "done"]

    def delay(self, percent: float) -> float:
        """Return a percentile of the delays of partials in the sessions that were served."""
        return percentile([delay for one in self.served for delay in one.delays], percent)

    @property
    def good_enough(self) -> bool:
        return len(self.served) == self.offered and self.delay(95) < WANTED

    def row(self) -> str:
        delays = " | ".join(f"{1000 * self.delay(percent):.0f}" for percent in (50, 95, 99))
        finals = percentile([delay for one in self.served for delay in one.final_delays], 95)
        late = percentile([late for one in self.served for late in one.late], 95)
        outcomes = Counter(session.outcome for session in self.sessions)
        others = ", ".join(f"{n} {name}" for name, n in sorted(outcomes.items()) if name != "done")
        return (
            f"| {self.offered} | {len(self.served)} | {others or 'none'} | {delays} "
            f"| {1000 * finals:.0f} | {self.batch:.1f} | {100 * self.busy:.0f} "
            f"| {1000 * late:.0f} |"
        )


HEAD = (
    "| sessions | served to the end | others | p50 ms | p95 ms | p99 ms | finals p95 ms "
    "| chunks a batch | model busy % | packets late by, p95 ms |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def percentile(values: list[float], percent: float) -> float:
    """Return a percentile, nan of nothing."""
    return float(np.percentile(values, percent)) if values else float("nan")


class Driver:
    """Speaks recordings to a server in real time."""

    def __init__(self, port: int, recordings: list[np.ndarray], rate: int, seconds: float) -> None:
        self._port, self._recordings, self._rate = port, recordings, rate
        self._seconds = seconds

    def load(self, count: int, spread: float = SPREAD) -> Load:
        """Run `count` sessions that start within `spread` seconds."""
        before, begin = self._counters(), time.perf_counter()
        sessions = asyncio.run(self._sessions(count, spread))
        after, seconds = self._counters(), time.perf_counter() - begin
        chunks, batches, work = (b - a for a, b in zip(before, after, strict=True))
        return Load(count, sessions, chunks / max(batches, 1.0), work / seconds)

    async def _sessions(self, count: int, spread: float) -> list[Session]:
        rng = random.Random(count)
        starts = [rng.uniform(0, spread) for _ in range(count)]
        tasks = [self._session(number, start) for number, start in enumerate(starts)]
        return list(await asyncio.gather(*tasks))

    async def _session(self, number: int, wait: float) -> Session:
        seen = Session()
        await asyncio.sleep(wait)
        try:
            address = f"ws://127.0.0.1:{self._port}/v1/stream"
            async with connect(
                address, compression=None, open_timeout=30, ping_interval=None
            ) as connection:
                start = {"type": "start", "sampling_rate": self._rate, "encoding": "s16le"}
                await connection.send(json.dumps(start))
                ready = json.loads(await connection.recv())
                if ready["type"] == "error":
                    seen.outcome = ready["code"]
                    return seen
                sent: list[tuple[float, float]] = []  # seconds of audio, when
                speaking = asyncio.create_task(self._speak(connection, number, seen, sent))
                try:
                    await self._listen(connection, seen, sent)
                finally:
                    speaking.cancel()
        except InvalidStatus as refused:
            seen.outcome = f"HTTP {refused.response.status_code}"
        except ConnectionClosed as closed:
            seen.outcome = closed.rcvd.reason if closed.rcvd else "lost"
        except OSError as error:
            seen.outcome = type(error).__name__
        return seen

    async def _speak(
        self, connection: Any, number: int, seen: Session, sent: list[tuple[float, float]]
    ) -> None:
        begin, size = time.perf_counter(), round(PACKET * self._rate)
        audio = self._audio(number)
        for first in range(0, len(audio), size):
            packet = audio[first : first + size]
            due = begin + (first + len(packet)) / self._rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            now = time.perf_counter()
            seen.late.append(now - due)
            sent.append(((first + len(packet)) / self._rate, now))
            await connection.send(packet.tobytes())
        await connection.send('{"type":"finish"}')

    async def _listen(
        self, connection: Any, seen: Session, sent: list[tuple[float, float]]
    ) -> None:
        async for text in connection:
            now = time.perf_counter()
            message = json.loads(text)
            if message["type"] in ("partial", "final"):
                packet = bisect_left(sent, (message["end"] - 1e-3, 0.0))
                delay = now - sent[min(packet, len(sent) - 1)][1]
                (seen.delays if message["type"] == "partial" else seen.final_delays).append(delay)
            elif message["type"] in ("done", "error"):
                seen.outcome = message.get("code", "done")

    def _audio(self, number: int) -> np.ndarray:
        """Return recordings in an order of the session's own, with pauses, int16 (N,)."""
        order = random.Random(number).sample(self._recordings, len(self._recordings))
        pause = np.zeros(round(PAUSE * self._rate), dtype=np.int16)
        length, pieces = round(self._seconds * self._rate), []
        while sum(map(len, pieces)) < length:
            pieces += [order[len(pieces) // 2 % len(order)], pause]
        return np.concatenate(pieces)[:length]

    def _counters(self) -> tuple[float, float, float]:
        text = httpx.get(f"http://127.0.0.1:{self._port}/metrics").text
        names = ("asr_batch_chunks_sum", "asr_batch_chunks_count", "asr_compute_seconds_total")
        found = [re.search(rf"^{name} (\S+)$", text, re.MULTILINE) for name in names]
        chunks, batches, work = (float(match[1]) if match else 0.0 for match in found)
        return chunks, batches, work


@contextmanager
def server(bundle: Path, chunk_ms: float, max_sessions: int) -> Iterator[int]:
    """Start a server and return its port."""
    command = [sys.executable, "-m", "asr", "serve", "--bundle", str(bundle), "--port", "0"]
    command += ["--set", f"streaming.chunk_ms={chunk_ms}"]
    command += ["--set", f"serving.max_sessions={max_sessions}"]
    command += ["--set", "serving.connect_burst=1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)\n", process.stdout.readline())
        if found is None:
            raise UserError("asr serve did not start", where=str(bundle))
        try:
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{found[1]}/readyz")
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield int(found[1])
        finally:
            process.terminate()


def read_recordings(cuts: Path, count: int) -> tuple[list[np.ndarray], int]:
    """Return the first recordings of a list of cuts, int16 (N,), and their sampling rate."""
    recordings, rates = [], set()
    for row in read_jsonl(cuts):
        source = row["recording"]["sources"][0]["source"]
        path = Path(source) if Path(source).is_absolute() else cuts.parents[3] / source
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
        recordings.append(np.ascontiguousarray(samples[:, 0]))
        rates.add(rate)
        if len(recordings) == count:
            break
    if len(rates) != 1:
        raise UserError(f"the recordings have several sampling rates: {rates}", where=str(cuts))
    return recordings, rates.pop()


def search_capacity(driver: Driver, loads: list[Load], step: int) -> int:
    """Return the most sessions, to `step`, that are all served with p95 below 300 ms."""
    good = max((load.offered for load in loads if load.good_enough), default=0)
    bad = min((load.offered for load in loads if not load.good_enough), default=2 * good + step)
    while bad - good > step:
        middle = (good + bad) // 2
        load = driver.load(middle)
        loads.append(load)
        print(load.row(), flush=True)
        good, bad = (middle, bad) if load.good_enough else (good, middle)
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=MINI / "exp" / "conformer" / "bundle")
    parser.add_argument("--cuts", type=Path, default=MINI / "data" / "en" / "test" / "cuts.jsonl")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 10, 25, 50, 75, 100])
    parser.add_argument("--seconds", type=float, default=30.0, help="that each session speaks")
    parser.add_argument("--chunk-ms", type=float, default=320.0)
    parser.add_argument("--step", type=int, default=10, help="how exactly the capacity is searched")
    parser.add_argument("--note", default="", help="a sentence for the page, on the machine")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "serving.md")
    options = parser.parse_args()
    recordings, rate = read_recordings(options.cuts, 100)
    load_before = os.getloadavg()[0]
    print(HEAD)
    with server(options.bundle, options.chunk_ms, 10_000) as port:
        driver = Driver(port, recordings, rate, options.seconds)
        driver.load(2)  # whatever is loaded once
        loads = []
        for count in options.sessions:
            loads.append(driver.load(count))
            print(loads[-1].row(), flush=True)
        capacity = search_capacity(driver, loads, options.step)
    limit = max(1, round(0.9 * capacity))
    with server(options.bundle, options.chunk_ms, limit) as port:
        driver = Driver(port, recordings, rate, options.seconds)
        driver.load(2)
        beyond = driver.load(2 * limit, spread=options.seconds / 2)
        print(beyond.row(), flush=True)
    text = render(options, loads, capacity, limit, beyond, load_before)
    write_text(options.output, text)


def render(
    options: argparse.Namespace,
    loads: list[Load],
    capacity: int,
    limit: int,
    beyond: Load,
    load_before: float,
) -> str:
    """Return the page."""
    rows = "\n".join(load.row() for load in sorted(loads, key=lambda load: load.offered))
    how = " ".join((__doc__ or "").split("\n\n", 2)[2].split())
    return f"""# Serving

Written by `python benchmarks/serving.py`: {os.cpu_count()} cores ({platform.machine()}), shared by
server and driver; load average of the machine before the measurement {load_before:.1f}.
{options.note}
{options.seconds:.0f} s of speech a session, chunks of {options.chunk_ms:.0f} ms, default passes.

{how}

{HEAD}
{rows}

Capacity, that is the most sessions (to {options.step}) that were all served with a 95th percentile
below {1000 * WANTED:.0f} ms: **{capacity}**.

## Beyond it

`max_sessions` {limit}, twice as many offered within {options.seconds / 2:.0f} s:

{HEAD}
{beyond.row()}
"""


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"benchmarks/serving.py: {error}")
