"""`make bench`: how many people a server hears at once, and how soon they read what they say.

Starts `asr serve` on the loopback interface and speaks recordings to it in real time, in more and
more sessions, beyond the limit, with many that end in one moment, and with `--export DIR` on ONNX;
writes benchmarks/serving.md. Server and driver share the machine.

The delay of a result is measured where a user sits: from the moment at which the packet was sent
that holds the last audio the result reflects (`end`) to the moment at which the result was read.
Waiting for a chunk to fill is therefore not in it, waiting for packets to fill is: audio is sent in
packets of 100 ms, and a chunk whose last sample lies within a packet waits for its end. Delays are
of partials unless said; finals bring the second pass, and come when an endpoint rule is sure.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import soundfile
from live_driver import AFTERMATH, BURST_HEAD, HEAD, WANTED, Burst, Driver, Load

from asr.errors import UserError
from asr.files import read_jsonl, write_text

ROOT = Path(__file__).resolve().parents[1]
MINI = ROOT / "egs" / "mini"
Recordings = tuple[list[np.ndarray], int]  # int16 (N,), and their sampling rate
IN_TURNS, ALL = "10", "null"  # values of streaming.second_pass_seconds


@dataclass(frozen=True)
class Served:
    """A model as it is served: a bundle, or an export of it with backend `onnx`."""

    folder: Path
    backend: str
    chunk_ms: float


@dataclass(frozen=True)
class Capacity:
    """The loads that were tried on a server, and the most sessions that were served well."""

    loads: list[Load]
    sessions: int

    def table(self) -> str:
        rows = (load.row() for load in sorted(self.loads, key=lambda load: load.offered))
        return "\n".join([HEAD, *rows])


@contextmanager
def server(
    served: Served, max_sessions: int = 10_000, second_pass_seconds: str = IN_TURNS
) -> Iterator[int]:
    """Start a server and return its port."""
    command = [sys.executable, "-m", "asr", "serve", "--bundle", str(served.folder), "--port", "0"]
    command += ["--backend", served.backend]
    command += ["--set", f"streaming.chunk_ms={served.chunk_ms}"]
    command += ["--set", f"streaming.second_pass_seconds={second_pass_seconds}"]
    command += ["--set", f"serving.max_sessions={max_sessions}"]
    command += ["--set", "serving.connect_burst=1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)\n", process.stdout.readline())
        if found is None:
            raise UserError("asr serve did not start", where=str(served.folder))
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


def read_recordings(cuts: Path, count: int) -> Recordings:
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


def find_capacity(served: Served, options: argparse.Namespace, spoken: Recordings) -> Capacity:
    """Offer the numbers of sessions that were asked for, then search."""
    with server(served) as port:
        driver = Driver(port, *spoken, options.seconds)
        driver.load(2)  # whatever is loaded once
        loads = []
        for count in options.sessions:
            loads.append(driver.load(count))
            print(loads[-1].row(), flush=True)
        return Capacity(loads, search_capacity(driver, loads, options.step))


def offer_twice(
    served: Served, options: argparse.Namespace, spoken: Recordings, limit: int
) -> Load:
    """Offer twice as many sessions as a server takes."""
    with server(served, max_sessions=limit) as port:
        driver = Driver(port, *spoken, options.seconds)
        driver.load(2)
        beyond = driver.load(2 * limit, spread=options.seconds / 2)
    print(beyond.row(), flush=True)
    return beyond


def end_at_once(
    served: Served, options: argparse.Namespace, spoken: Recordings, count: int
) -> dict[str, Burst]:
    """Let half of the sessions end together: second passes in turns, and all in one round."""
    bursts = {}
    for seconds, name in ((IN_TURNS, "of 10 s of audio"), (ALL, "all")):
        with server(served, second_pass_seconds=seconds) as port:
            driver = Driver(port, *spoken, options.seconds)
            driver.load(2)
            bursts[name] = driver.burst(count)
        print(bursts[name].row(name), flush=True)
    return bursts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=MINI / "exp" / "conformer" / "bundle")
    parser.add_argument("--cuts", type=Path, default=MINI / "data" / "en" / "test" / "cuts.jsonl")
    parser.add_argument("--export", type=Path, help="`asr export --format onnx-streaming` of it")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 10, 25, 50, 75, 100])
    parser.add_argument("--together", type=int, help="sessions of which half end at once")
    parser.add_argument("--seconds", type=float, default=30.0, help="that each session speaks")
    parser.add_argument("--chunk-ms", type=float, default=320.0)
    parser.add_argument("--step", type=int, default=10, help="how exactly the capacity is searched")
    parser.add_argument("--note", default="", help="a sentence for the page, on the machine")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "serving.md")
    options = parser.parse_args()
    if options.export is not None and not (options.export / "export.json").is_file():
        raise UserError("there is no export here", where=str(options.export))
    spoken = read_recordings(options.cuts, 100)
    load_before = os.getloadavg()[0]
    print(HEAD)
    served = Served(options.bundle, "torch", options.chunk_ms)
    capacity = find_capacity(served, options, spoken)
    limit = max(1, round(0.9 * capacity.sessions))
    beyond = offer_twice(served, options, spoken, limit)
    bursts = end_at_once(served, options, spoken, options.together or max(2, capacity.sessions))
    text = render(options, capacity, limit, beyond, bursts, load_before)
    write_text(options.output, text)
    if options.export is not None:
        exported = Served(options.export, "onnx", options.chunk_ms)
        text += render_export(find_capacity(exported, options, spoken), options.step)
        write_text(options.output, text)


def render(
    options: argparse.Namespace,
    capacity: Capacity,
    limit: int,
    beyond: Load,
    bursts: dict[str, Burst],
    load_before: float,
) -> str:
    """Return the page, but for what is served of an export."""
    how = " ".join((__doc__ or "").split("\n\n", 2)[2].split())
    ends = "\n".join(burst.row(name) for name, burst in bursts.items())
    return f"""# Serving

Written by `python benchmarks/serving.py`: {os.cpu_count()} cores ({platform.machine()}), shared by
server and driver; load average of the machine before the measurement {load_before:.1f}.
{options.note}
{options.seconds:.0f} s of speech a session, chunks of {options.chunk_ms:.0f} ms, default passes.

{how}

{capacity.table()}

{capacity_line(capacity, options.step)}

## Beyond it

`max_sessions` {limit}, twice as many offered within {options.seconds / 2:.0f} s:

{HEAD}
{beyond.row()}

## Many that end at once

Half of the sessions end in the same moment, each in the middle of a segment; all of these get their
second pass. Delays are of the partials that the other half read in the {AFTERMATH:.0f} s after
it, and of the last finals of those that ended. "all" is `second_pass_seconds: null`.

{BURST_HEAD}
{ends}
"""


def render_export(capacity: Capacity, step: int) -> str:
    """Return the part of the page on sessions that run on an export."""
    return f"""
## On ONNX

`--backend onnx`, a streaming export of the same model:

{capacity.table()}

{capacity_line(capacity, step)}
"""


def capacity_line(capacity: Capacity, step: int) -> str:
    """Return the sentence that tells what the loads have shown."""
    return (
        f"Capacity, that is the most sessions (to {step}) that were all served with a 95th "
        f"percentile\nbelow {1000 * WANTED:.0f} ms: **{capacity.sessions}**."
    )


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"benchmarks/serving.py: {error}")
