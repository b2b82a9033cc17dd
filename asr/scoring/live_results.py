"""The table of live decodings: error rates of both passes and delays for each chunk size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asr.scoring.alignment import Unit
from asr.scoring.latency import NO_SECOND_PASS, LiveDecoding, Spread
from asr.scoring.rows import ResultRow
from asr.scoring.text_tables import (
    RATE_NAMES,
    UNKNOWN,
    format_interval,
    format_percent,
    markdown_table,
)

NOTES = (
    "passes: the methods, with what was added to them. chunk: with the look-ahead behind a plus. "
    "First pass: what partials end up as; second pass: the final text. Times are in ms. delay: "
    "from the end of a correct word in the forced alignment to the partial that shows it, "
    "computing included; heard: the part of its mean that is waiting for audio, the same on every "
    "machine. first partial: from the beginning of the first word; final: from the end of the "
    "audio. flicker: words that were shown and changed, of those recognised. RTF: computing / "
    "audio time of all sessions together. full: whole utterances, decoded offline, without "
    "reading and features in the RTF. docs/streaming.md has the method."
)


@dataclass(frozen=True)
class LiveRun:
    """The rows of one run of `asr stream`, or of decoding whole utterances where `live` is None.

    Attributes:
        passes: the methods of the first and the second pass; `none` for no second one.
        first, second: the rows, where there are any.
    """

    experiment: str
    normaliser: str  # what texts went through, as `ResultRow.compared_after` says it
    passes: tuple[str, str]
    live: LiveDecoding | None
    first: ResultRow | None
    second: ResultRow | None

    @property
    def chunk(self) -> str:
        """The chunk's length as tables show it, with the look-ahead where there is one."""
        if self.live is None:
            return "full"
        ahead = f" + {self.live.lookahead_ms:g}" if self.live.lookahead_ms else ""
        return f"{self.live.chunk_ms:g}{ahead} ms"

    @property
    def methods(self) -> str:
        """The methods of its passes, with their extras."""
        return ", ".join(method for method in self.passes if method != NO_SECOND_PASS)

    @property
    def chunk_ms(self) -> float:
        """The chunk's length; infinite for whole utterances."""
        return float("inf") if self.live is None else self.live.chunk_ms

    @property
    def rtf(self) -> float | None:
        """Of the whole run; offline that of the pass that does more."""
        return max((row.rtf for row in (self.first, self.second) if row), default=None)


def live_runs(rows: Iterable[ResultRow]) -> list[LiveRun]:
    """Put the passes of each run beside each other, long chunks first.

    Before the runs of an experiment stand its whole utterances, where the same methods have
    decoded them offline.
    """
    rows = list(rows)
    offline = {
        (row.experiment, row.compared_after, row.method): row
        for row in rows
        if row.live is None and row.chunk_size is None
    }
    # Passes belong together where everything that was measured is the same.
    passes: dict[tuple[str, str, LiveDecoding], dict[str, ResultRow]] = {}
    for row in rows:
        if row.live is not None:
            run = passes.setdefault((row.experiment, row.compared_after, row.live), {})
            run[row.method] = row
    systems: dict[tuple[str, str, tuple[str, str]], list[LiveRun]] = {}
    for (experiment, normaliser, live), by_method in passes.items():
        first, second = by_method.get(live.first_pass), by_method.get(live.second_pass)
        system = (experiment, normaliser, (live.first_pass, live.second_pass))
        both = LiveRun(*system, live, first, second)
        systems.setdefault(system, []).append(both)
    ordered = []
    for system in sorted(systems):
        experiment, normaliser, methods = system
        first, second = (offline.get((experiment, normaliser, method)) for method in methods)
        if first or second:
            ordered.append(LiveRun(*system, None, first, second))
        ordered += sorted(systems[system], key=lambda run: run.chunk_ms, reverse=True)
    return ordered


def live_columns(unit: Unit) -> dict[str, str]:
    """Return the titles of the table and the side each column stands on."""
    rate = RATE_NAMES[unit]
    left = ["experiment", "passes", "normaliser"]
    right = ["chunk"]
    right += [f"{which} pass {rate} % [low, high]" for which in ("first", "second")]
    right += [f"delay {what}" for what in ("mean", "p50", "p90", "heard")]
    right += [f"{what} {part}" for what in ("first partial", "final") for part in ("p50", "p90")]
    right += ["flicker %", "RTF", "sessions"]
    return {**dict.fromkeys(left, "left"), **dict.fromkeys(right, "right")}


def live_cells(run: LiveRun, unit: Unit) -> list[tuple[str, float | None]]:
    """Return texts and values of a run's cells, in the order of `live_columns`."""
    live = run.live
    named = (run.experiment, run.methods, run.normaliser)
    cells: list[tuple[str, float | None]] = [(name, None) for name in named]
    cells.append((run.chunk, run.chunk_ms))
    for row in (run.first, run.second):
        rate = row and row.rate(unit)
        text = f"{format_percent(rate.rate)} {format_interval(rate.interval)}" if rate else UNKNOWN
        cells.append((text, rate.rate if rate else None))
    cells += _delays(live)
    flicker = live.flicker if live else None
    cells.append((format_percent(flicker), flicker))
    cells.append((UNKNOWN if run.rtf is None else f"{run.rtf:.4f}", run.rtf))
    cells.append((str(live.sessions), live.sessions) if live else (UNKNOWN, None))
    return cells


def _delays(live: LiveDecoding | None) -> list[tuple[str, float | None]]:
    if live is None:
        return [(UNKNOWN, None)] * 8
    delay, heard = live.emission_delay, live.audio_delay
    seconds = [delay.mean, delay.p50, delay.p90, heard.mean]
    seconds += [value for spread in (live.first_partial, live.final) for value in _middle(spread)]
    return [
        (UNKNOWN if value is None else f"{1000 * value:.0f}", value and 1000 * value)
        for value in seconds
    ]


def _middle(spread: Spread) -> tuple[float | None, float | None]:
    return spread.p50, spread.p90


def render_live(rows: Sequence[ResultRow], unit: Unit) -> str:
    """Lay out the table of the live decodings among some rows; empty where there are none."""
    runs = live_runs(rows)
    if not runs:
        return ""
    cells = [[text for text, _ in live_cells(run, unit)] for run in runs]
    return markdown_table(live_columns(unit), cells)
