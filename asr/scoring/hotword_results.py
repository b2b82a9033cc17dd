"""`results/<split>.hotwords.json` and `.md`: what a list of hotwords does to the errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.config.tokenizer import NormaliserName
from asr.errors import UserError
from asr.files import read_json, write_json, write_text
from asr.scoring.alignment import Unit
from asr.scoring.details import error_cells
from asr.scoring.hotwords import Detection, HotwordScore, hotword_phrases, score_hotwords
from asr.scoring.hypotheses import compared_after, decode_folder
from asr.scoring.records import Record
from asr.scoring.rows import ErrorRate, ScoredDecode
from asr.scoring.text_tables import (
    RATE_NAMES,
    TOKEN_NAMES,
    format_interval,
    format_percent,
    markdown_table,
)
from asr.text.hotwords import read_hotwords

SUFFIX = ".hotwords"  # of a table's name, after the split's
_NOTES = (
    "B-: errors on reference tokens that belong to a hotword, and insertions of hotwords; U-: all "
    "other errors (Le et al. 2021). Square brackets: 95 % bootstrap interval over utterances. "
    "recall: hotwords recognised of those said; precision: hotwords said of those recognised. "
    "docs/scoring.md has the rules."
)


class HotwordRow(Record):
    """One decode folder scored with one list of hotwords; `hotwords` is the file's name."""

    experiment: str
    method: str
    chunk_size: int | None
    live_chunk_ms: float | None = None
    normaliser: str
    tokenizer_normaliser: str = "none"
    unit: Unit
    hotwords: str
    phrases: int
    biased: ErrorRate
    unbiased: ErrorRate
    reference_occurrences: int
    hypothesis_occurrences: int
    found: int

    @property
    def key(self) -> tuple[str, str, str, str, int, float, str]:
        """What a table holds one row of."""
        chunks = (self.chunk_size or 0, self.live_chunk_ms or 0.0)
        system = (self.experiment, self.method, *chunks, self.normaliser)
        return (self.unit, self.hotwords, *system)

    @property
    def compared_after(self) -> str:
        """What the texts went through; the rates of two rows compare where it is equal."""
        return compared_after(self.normaliser, self.tokenizer_normaliser)

    @property
    def detection(self) -> Detection:
        return Detection(self.reference_occurrences, self.hypothesis_occurrences, self.found)


class HotwordTable(Record):
    """The content of `results/<split>.hotwords.json`."""

    split: str
    rows: list[HotwordRow]

    @classmethod
    def read(cls, path: Path, split: str) -> HotwordTable:
        """Read a table; one that does not exist is empty.

        Raises:
            UserError: it is malformed.
        """
        if not path.exists():
            return cls(split=split, rows=[])
        todo = "Remove the file and score the decode folders of this split again."
        return cls.parse(read_json(path), str(path), todo)


@dataclass(frozen=True)
class ScoredHotwords:
    """A scored decode folder with its errors parted by a list of hotwords."""

    decode: ScoredDecode
    score: HotwordScore
    row: HotwordRow

    @property
    def details(self) -> str:
        """Every phrase that was said or recognised, most often missed first, as markdown."""
        row = self.row
        title = f"{row.experiment}, {self.decode.row.split}, {row.method}: {row.hotwords}"
        ranked = sorted(
            self.score.per_phrase.items(),
            key=lambda item: (item[1].found - item[1].reference, -item[1].hypothesis, item[0]),
        )
        between = "" if row.unit == "char" else " "
        cells = [
            [between.join(phrase), str(one.reference), str(one.hypothesis), str(one.found)]
            for phrase, one in ranked
        ]
        columns = {"phrase": "left", "said": "right", "recognised": "right", "found": "right"}
        return f"# {title}\n\n{markdown_table(columns, cells)}"


def score_decodes_on_hotwords(
    decodes: Sequence[ScoredDecode], path: Path, unit: Unit, normaliser: NormaliserName
) -> list[ScoredHotwords]:
    """Part the errors of scored decode folders by the hotwords of a file; nothing is written.

    Args:
        decodes: scored after `normaliser`, which goes over the phrases as well.
        path: as `asr.text.hotwords.read_hotwords` reads it.
        unit: what is counted.

    Raises:
        UserError: the file is missing or malformed, or a normaliser leaves nothing of a phrase.
    """
    try:
        phrases = hotword_phrases(read_hotwords(path), unit, normaliser)
    except UserError as error:
        where = error.where or str(path)
        raise UserError(error.what, where=where, todo=error.todo) from error
    scored = []
    for decode in decodes:
        score = score_hotwords(decode.scores[unit], phrases)
        detection = score.detection
        row = HotwordRow(
            experiment=decode.row.experiment,
            method=decode.row.method,
            chunk_size=decode.row.chunk_size,
            live_chunk_ms=decode.row.live.chunk_ms if decode.row.live else None,
            normaliser=decode.row.normaliser,
            tokenizer_normaliser=decode.row.tokenizer_normaliser,
            unit=unit,
            hotwords=path.name,
            phrases=len(phrases),
            biased=ErrorRate.of(score.biased, score.biased_interval),
            unbiased=ErrorRate.of(score.unbiased, score.unbiased_interval),
            reference_occurrences=detection.reference,
            hypothesis_occurrences=detection.hypothesis,
            found=detection.found,
        )
        scored.append(ScoredHotwords(decode, score, row))
    return scored


def updated_hotword_tables(
    results_dir: Path, scored: Sequence[ScoredHotwords]
) -> dict[Path, HotwordTable]:
    """Return the stored tables with the new rows in them, by their path without a suffix.

    Raises:
        UserError: a stored table is malformed.
    """
    tables = {}
    for split in dict.fromkeys(one.decode.row.split for one in scored):
        stem = results_dir / f"{split}{SUFFIX}"
        stored = HotwordTable.read(Path(f"{stem}.json"), split).rows
        new = [one.row for one in scored if one.decode.row.split == split]
        rows = {row.key: row for row in [*stored, *new]}
        tables[stem] = HotwordTable(split=split, rows=[rows[key] for key in sorted(rows)])
    return tables


def write_hotword_table(stem: Path, table: HotwordTable) -> str:
    """Write `<stem>.json` and `<stem>.md`; returns the tables of rates for the terminal."""
    write_json(f"{stem}.json", table.model_dump())
    rates = render_hotword_rates(table.rows)
    notice = "Generated by `asr score --hotwords`; what is typed here is overwritten."
    write_text(f"{stem}.md", f"# Hotwords in {table.split}\n\n{notice}\n\n{rates}\n{_NOTES}\n")
    return rates


def render_hotword_rates(rows: Sequence[HotwordRow]) -> str:
    """Lay out one table for each unit that rows are scored in."""
    units = dict.fromkeys(row.unit for row in rows)
    return "\n".join(_render_unit([row for row in rows if row.unit == unit]) for unit in units)


def hotword_columns(unit: Unit) -> dict[str, str]:
    """Return the titles of a table of hotword scores and the side each column stands on."""
    rate, tokens = RATE_NAMES[unit], TOKEN_NAMES[unit]
    names = ["experiment", "method", "normaliser", "hotwords"]
    figures = ["phrases"]
    for kind in ("B", "U"):
        figures += [f"{kind}-{rate} % [low, high]", f"{kind} errors/{tokens}"]
    figures += ["recall %", "precision %", "F1 %"]
    return {**dict.fromkeys(names, "left"), **dict.fromkeys(figures, "right")}


def hotword_cells(row: HotwordRow) -> list[str]:
    """Return a row's cells, in the order of `hotword_columns`."""
    cells = [
        row.experiment,
        decode_folder(row.method, row.chunk_size, row.live_chunk_ms),
        row.compared_after,
        row.hotwords,
        str(row.phrases),
    ]
    for rate in (row.biased, row.unbiased):
        cells.append(f"{format_percent(rate.rate)} {format_interval(rate.interval)}")
        cells.append(error_cells(rate.counts)[0])
    detection = row.detection
    shares = (detection.recall, detection.precision, detection.f1)
    return [*cells, *map(format_percent, shares)]


def _render_unit(rows: Sequence[HotwordRow]) -> str:
    return markdown_table(hotword_columns(rows[0].unit), [hotword_cells(row) for row in rows])
