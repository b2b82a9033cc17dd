"""Speaks recordings to a live server in real time, and notes what each session sees."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

PACKET = 0.1  # seconds
SPREAD = 5.0  # seconds within which sessions begin
PAUSE = 0.5  # seconds between two recordings
WANTED = 0.3  # seconds, of the 95th percentile
AFTERMATH = 3.0  # seconds after many sessions have ended at once, in which the others are watched


@dataclass
class Session:
    """What one session saw.

    Attributes:
        delays: seconds of each partial; benchmarks/serving.py says from when to when.
        read_at: when each of these partials was read, on the driver's clock.
        final_delays: seconds of each final.
        late: seconds that each packet was sent behind its time.
        outcome: `done`, or the code of what ended it.
    """

    delays: list[float] = field(default_factory=list)
    read_at: list[float] = field(default_factory=list)
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


@dataclass(frozen=True)
class Burst:
    """What sessions saw of which many ended in the same moment.

    Attributes:
        ended: those whose audio ended together.
        others: those that spoke on.
        moment: when the audio ended, on the driver's clock.
    """

    ended: list[Session]
    others: list[Session]
    moment: float

    def row(self, name: str) -> str:
        """Return the table's row; `name` says what was served, and how."""
        sessions = [*self.ended, *self.others]
        served = sum(session.outcome == "done" for session in sessions)
        until = self.moment + AFTERMATH
        partials = [
            delay
            for session in self.others
            for at, delay in zip(session.read_at, session.delays, strict=True)
            if self.moment <= at < until
        ]
        finals = [delay for session in self.ended for delay in session.final_delays[-1:]]
        cells = [
            f"{1000 * percentile(delays, percent):.0f}"
            for delays in (partials, finals)
            for percent in (50, 95, 100)
        ]
        numbers = f"{len(sessions)} | {len(self.ended)} | {served}"
        return f"| {name} | {numbers} | {' | '.join(cells)} |"


BURST_HEAD = (
    "| second passes in a round | sessions | end at once | served to the end | p50 ms | p95 ms "
    "| longest ms | finals p50 ms | finals p95 ms | finals longest ms |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
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

    def burst(self, count: int) -> Burst:
        """Run `count` sessions of which every second one ends in the middle of the others."""
        return asyncio.run(self._burst(count))

    async def _burst(self, count: int) -> Burst:
        rng, moment = random.Random(count), time.perf_counter() + max(SPREAD, self._seconds / 2)
        tasks = [
            asyncio.create_task(
                self._session(number, rng.uniform(0, SPREAD / 2), None if number % 2 else moment)
            )
            for number in range(count)
        ]
        sessions = await asyncio.gather(*tasks)
        return Burst(sessions[::2], sessions[1::2], moment)

    async def _sessions(self, count: int, spread: float) -> list[Session]:
        rng = random.Random(count)
        starts = [rng.uniform(0, spread) for _ in range(count)]
        tasks = [self._session(number, start) for number, start in enumerate(starts)]
        return list(await asyncio.gather(*tasks))

    async def _session(self, number: int, wait: float, until: float | None = None) -> Session:
        """Speak from `wait` seconds on, until a moment of the clock where one is given."""
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
                speaking = asyncio.create_task(self._speak(connection, number, seen, sent, until))
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
        self,
        connection: Any,
        number: int,
        seen: Session,
        sent: list[tuple[float, float]],
        until: float | None,
    ) -> None:
        begin, size = time.perf_counter(), round(PACKET * self._rate)
        seconds = self._seconds if until is None else max(PACKET, until - begin)
        audio = self._audio(number, seconds)
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
                if message["type"] == "partial":
                    seen.delays.append(delay)
                    seen.read_at.append(now)
                else:
                    seen.final_delays.append(delay)
            elif message["type"] in ("done", "error"):
                seen.outcome = message.get("code", "done")

    def _audio(self, number: int, seconds: float) -> np.ndarray:
        """Return recordings in an order of the session's own, with pauses, int16 (N,)."""
        order = random.Random(number).sample(self._recordings, len(self._recordings))
        pause = np.zeros(round(PAUSE * self._rate), dtype=np.int16)
        length, pieces = round(seconds * self._rate), []
        while sum(map(len, pieces)) < length:
            pieces += [order[len(pieces) // 2 % len(order)], pause]
        return np.concatenate(pieces)[:length]

    def _counters(self) -> tuple[float, float, float]:
        text = httpx.get(f"http://127.0.0.1:{self._port}/metrics").text
        names = ("asr_batch_chunks_sum", "asr_batch_chunks_count", "asr_compute_seconds_total")
        found = [re.search(rf"^{name} (\S+)$", text, re.MULTILINE) for name in names]
        chunks, batches, work = (float(match[1]) if match else 0.0 for match in found)
        return chunks, batches, work
