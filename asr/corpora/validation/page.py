"""The page about a split: one HTML file that needs nothing else, no network and no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from asr.corpora.faults.rejections import Rejection, count_reasons
from asr.corpora.validation.clips import clip
from asr.corpora.validation.report import ValidationReport
from asr.corpora.validation.utterance import Utterance
from asr.pages.charts import histogram_svg
from asr.pages.markup import escape, figure, page, plain_table
from asr.text.inspection import LETTERS_A_SYLLABLE

_MOST_CLIP_CHARACTERS = 1_300_000  # of all players together
_EXAMPLES = 3  # of every reason
_KEPT_EXAMPLES = 6
_SPEAKERS = 30


def render_page(report: ValidationReport) -> str:
    """Write the page: summary, reasons with examples to listen to, histograms, speakers.

    It stays below 2 MB: the number of players and the length of every text are bounded.
    """
    players = _Players(enabled=report.options.decode)
    parts = [
        f"<h1>Validation of {escape(report.split)}</h1>",
        _summary(report),
        _findings("Set aside", report.rejected, players),
        _findings("Kept, with a warning", report.warnings, players),
        _kept(report.kept, players),
        _histograms(report),
        _speakers(report),
    ]
    return page(report.split, parts)


class _Players:
    """Hands out audio players until the page has enough of them."""

    def __init__(self, enabled: bool) -> None:
        self.left = _MOST_CLIP_CHARACTERS if enabled else 0
        self.shown: set[tuple[str, float, float]] = set()

    def player(self, path: str | None, start: float, duration: float) -> str:
        """Return a player for a segment of a file, or a word on why there is none."""
        if path is None or self.left <= 0:
            return ""
        key = (path, start, duration)
        if key in self.shown:
            return "as above"
        self.shown.add(key)
        address = clip(*key)
        if not address:
            return "cannot be played"
        if len(address) > self.left:
            self.left = 0
            return ""
        self.left -= len(address)
        return f'<audio controls preload="none" src="{address}"></audio>'


def _summary(report: ValidationReport) -> str:
    data = report.as_json()
    rows = [
        ("kept", f"{data['kept']:,} utterances, {data['kept_hours']:.2f} hours"),
        ("set aside", f"{data['rejected']:,} utterances, {data['rejected_hours']:.2f} hours"),
        ("warnings", f"{len(report.warnings):,}"),
        ("speakers", _count_speakers(report)),
    ]
    if report.options.decode:
        rows += [
            ("files by sampling rate in Hz", _counts(data["files_by_sampling_rate"])),
            ("files by channels", _counts(data["files_by_channels"])),
        ]
    else:
        rows.append(("audio", "not decoded: judged by manifests and texts alone"))
    cells = [f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows]
    return plain_table(cells)


def _findings(title: str, findings: Sequence[Rejection], players: _Players) -> str:
    counts = count_reasons(findings)
    if not counts:
        return f"<h2>{title}</h2><p>Nothing.</p>"
    rows = ['<tr><th class="number">count</th><th>reason</th><th>examples</th><th></th></tr>']
    for reason, count in counts.items():
        examples = [item for item in findings if item.reason.value == reason][:_EXAMPLES]
        for index, item in enumerate(examples):
            span = f' rowspan="{len(examples)}"'
            head = f'<td class="number"{span}>{count:,}</td><td{span}>{reason}</td>'
            example = f"{item.id or item.path}: {item.detail}"
            rows.append(
                f"<tr>{'' if index else head}<td>{escape(example)}</td>"
                f"<td>{players.player(item.path, item.start, item.duration)}</td></tr>"
            )
    return f"<h2>{title}</h2>" + plain_table(rows)


def _kept(kept: Sequence[Utterance], players: _Players) -> str:
    rows = []
    for utterance in _spread(kept):
        supervision = utterance.supervision
        player = players.player(utterance.path, supervision.start, utterance.duration)
        rows.append(
            f"<tr><td>{escape(utterance.id)}</td><td>{escape(utterance.text)}</td>"
            f'<td class="number">{utterance.duration:.1f} s</td><td>{player}</td></tr>'
        )
    return "<h2>Examples of what is kept</h2>" + (plain_table(rows) if rows else "<p>Nothing.</p>")


def _spread(kept: Sequence[Utterance]) -> Iterator[Utterance]:
    """Yield a few utterances from all over the split."""
    indices = np.linspace(0, len(kept) - 1, min(_KEPT_EXAMPLES, len(kept))).astype(int)
    return (kept[index] for index in indices)


def _histograms(report: ValidationReport) -> str:
    charts = (
        (report.durations, "Durations", "s"),
        (report.letter_rates, "Characters a second", "/s"),
    )
    figures = [figure(title, histogram_svg(values, title, unit)) for values, title, unit in charts]
    note = (
        "Characters that are spoken: letters count one, a Han character, kana, Hangul syllable or "
        f"digit counts {LETTERS_A_SYLLABLE}, spaces and punctuation count nothing."
    )
    return (
        "<h2>Durations and rates of what is kept</h2>"
        f'<div class="charts">{"".join(figures)}</div><p>{note}</p>'
    )


def _speakers(report: ValidationReport) -> str:
    speakers = report.speakers
    if not speakers:
        return ""
    longest = speakers[0][2]
    rows = ["<tr><th>speaker</th><th class='number'>utterances</th><th class='number'>hours</th>"]
    rows[0] += "<th></th></tr>"
    for name, count, seconds in speakers[:_SPEAKERS]:
        rows.append(
            f'<tr><td>{escape(name)}</td><td class="number">{count:,}</td>'
            f'<td class="number">{seconds / 3600:.3f}</td>'
            f'<td><meter value="{seconds / longest:.3f}"></meter></td></tr>'
        )
    others = speakers[_SPEAKERS:]
    if others:
        hours = sum(seconds for _, _, seconds in others) / 3600
        count = sum(count for _, count, _ in others)
        rows.append(
            f'<tr><td>{len(others):,} others</td><td class="number">{count:,}</td>'
            f'<td class="number">{hours:.3f}</td><td></td></tr>'
        )
    unknown = f"<p>{report.num_unknown:,} utterances name no speaker.</p>"
    note = unknown if report.num_unknown else ""
    return f"<h2>Hours of each speaker</h2>{plain_table(rows)}{note}"


def _count_speakers(report: ValidationReport) -> str:
    if not report.speakers:
        return "unknown"
    unnamed = f"; {report.num_unknown:,} utterances name none" if report.num_unknown else ""
    return f"{len(report.speakers):,}{unnamed}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items()) or "none"
