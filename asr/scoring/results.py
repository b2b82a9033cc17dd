"""`results/<split>.json`, the store of result rows, and `results/<split>.md`, made from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.config.tokenizer import NormaliserName
from asr.errors import UserError
from asr.files import read_json, write_json, write_text
from asr.progress import progress_bar
from asr.scoring.alignment import Unit
from asr.scoring.details import render_alignments, render_speakers
from asr.scoring.hotword_results import (
    score_decodes_on_hotwords,
    updated_hotword_tables,
    write_hotword_table,
)
from asr.scoring.hypotheses import write_trn
from asr.scoring.live_results import render_live
from asr.scoring.page import render_page, render_rates
from asr.scoring.records import Record
from asr.scoring.rows import ResultRow, ScoredDecode, score_decode


class ResultsTable(Record):
    """The content of `results/<split>.json`; `unit` is the one the page gives first."""

    split: str
    unit: Unit
    rows: list[ResultRow]


@dataclass(frozen=True)
class WrittenTable:
    """A split's page and, for the terminal, its table of rates."""

    path: Path
    rates: str


def score_directories(
    directories: Sequence[Path],
    results_dir: Path,
    unit: Unit,
    normaliser: NormaliserName = "none",
    hotwords: Path | None = None,
) -> list[WrittenTable]:
    """Score decode folders and put their rows into the tables of their splits.

    A row replaces the stored row of the same experiment, method and normaliser; other rows stay.
    Beside each `hyps.jsonl` go `alignments.txt` and `per_speaker.md`, of the normalised texts, and
    `ref.trn`, as decoded. With hotwords, `<split>.hotwords.json` and `.md` hold their rows, and
    `hotwords.md` beside `hyps.jsonl` every phrase. Everything is read and scored before the first
    file is written.

    Args:
        directories: `exp/<experiment>/decode/<split>/<method>` folders, of one or more splits.
        results_dir: where `<split>.json` and `<split>.md` live.
        unit: the unit of the headline figure and of the details; all are always computed.
        normaliser: applied to references and hypotheses before they are compared.
        hotwords: a file of phrases; errors on them and off them are then told as well.

    Raises:
        UserError: a folder is missing, malformed or given twice, or a stored table or the file of
            hotwords is malformed.
    """
    with progress_bar(len(directories), " folders", "scoring") as bar:
        decodes = []
        for directory in directories:
            decodes.append(score_decode(directory, normaliser))
            bar.update()
    new_rows = _rows_by_split(decodes)
    tables = {
        results_dir / split: _updated_table(results_dir / f"{split}.json", split, unit, rows)
        for split, rows in new_rows.items()
    }
    on_hotwords = score_decodes_on_hotwords(decodes, hotwords, unit, normaliser) if hotwords else []
    hotword_tables = updated_hotword_tables(results_dir, on_hotwords)
    for decode in decodes:
        _write_details(decode, unit)
    for scored in on_hotwords:
        write_text(scored.decode.directory / "hotwords.md", scored.details)
    written = [_write_table(stem, table) for stem, table in tables.items()]
    for stem, hotword_table in hotword_tables.items():
        rates = write_hotword_table(stem, hotword_table)
        written.append(WrittenTable(Path(f"{stem}.md"), rates))
    return written


def _rows_by_split(decodes: Iterable[ScoredDecode]) -> dict[str, list[ResultRow]]:
    rows: dict[str, list[ResultRow]] = defaultdict(list)
    seen: dict[tuple[str | float, ...], Path] = {}
    for decode in decodes:
        name = (decode.row.split, *decode.row.key)
        if name in seen:
            raise UserError(
                f"stands for the same row as {seen[name]}",
                where=str(decode.directory),
                todo="Give one folder for each experiment, split and method.",
            )
        seen[name] = decode.directory
        rows[decode.row.split].append(decode.row)
    return rows


def _updated_table(path: Path, split: str, unit: Unit, new_rows: list[ResultRow]) -> ResultsTable:
    stored: list[ResultRow] = []
    if path.exists():
        todo = "Remove the file and score the decode folders of this split again."
        stored = ResultsTable.parse(read_json(path), str(path), todo).rows
    rows = {row.key: row for row in [*stored, *new_rows]}
    return ResultsTable(split=split, unit=unit, rows=[rows[key] for key in sorted(rows)])


def _write_table(stem: Path, table: ResultsTable) -> WrittenTable:
    page = Path(f"{stem}.md")
    write_json(f"{stem}.json", table.model_dump())
    write_text(page, render_page(table.split, table.rows, table.unit))
    live = render_live(table.rows, table.unit)
    tables = [render_rates(table.rows, table.unit), *([live] if live else [])]
    return WrittenTable(page, "\n".join(tables))


def _write_details(decode: ScoredDecode, unit: Unit) -> None:
    row, score = decode.row, decode.scores[unit]
    title = f"{row.experiment}, {row.split}, {row.method}, normaliser {row.normaliser}"
    write_text(decode.directory / "alignments.txt", render_alignments(score, title))
    write_text(decode.directory / "per_speaker.md", render_speakers(score, title))
    references = ((utterance.id, utterance.reference) for utterance in decode.utterances)
    write_trn(decode.directory / "ref.trn", references)
