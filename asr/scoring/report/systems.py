"""The systems of a split: their stored rows, their decode folders, which of them is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tqdm import tqdm

from asr.config.tokenizer import NormaliserName
from asr.errors import UserError, did_you_mean
from asr.files import read_json
from asr.progress import progress_bar
from asr.scoring.alignment import Unit
from asr.scoring.corpus import CorpusScore, compare_corpora, normalise_utterances, score_corpus
from asr.scoring.hotword_results import SUFFIX as HOTWORD_SUFFIX
from asr.scoring.hotword_results import HotwordRow, HotwordTable
from asr.scoring.hypotheses import DecodedUtterance, read_hypotheses
from asr.scoring.page import rows_that_compare
from asr.scoring.report.options import ReportOptions
from asr.scoring.results import ResultsTable
from asr.scoring.rows import ResultRow
from asr.scoring.significance import PairedComparison

_SCORE_AGAIN = "score it again with asr score"


@dataclass(frozen=True)
class Decoded:
    """The utterances of a decode folder as they were compared, and their scores."""

    utterances: list[DecodedUtterance]
    score: CorpusScore


@dataclass(frozen=True)
class System:
    """A row of results. `comparison` is with the best row of its view, where that can be made.

    Attributes:
        problem: why its decode folder cannot be used, if so.
    """

    row: ResultRow
    comparison: PairedComparison | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """Experiment and decode folder, as `--system` takes them."""
        return system_name(self.row)


@dataclass(frozen=True)
class View:
    """The systems of one split whose texts went through the same normalisers: their rates compare.

    Attributes:
        compared_after: those normalisers, as `ResultRow.compared_after` says it.
        best: the system with the lowest rate on this split; None when no rate is defined.
        shown: the system whose errors are shown, with what it decoded; None when there is none,
            and `why_not` says why.
    """

    split: str
    unit: Unit
    compared_after: str
    systems: list[System]
    best: int | None
    shown: tuple[System, Decoded] | None
    why_not: str
    hotwords: list[HotwordRow]


def system_name(row: ResultRow) -> str:
    """Return experiment and decode folder, which name a system in every split."""
    return f"{row.experiment}/{row.folder}"


def read_views(options: ReportOptions) -> list[View]:
    """Read all tables and the decode folders behind them; the split of the choice comes last.

    Raises:
        UserError: there are no tables, one is malformed, or the system asked for is in none.
    """
    tables = _read_tables(options)
    if options.system is not None:
        known = {system_name(row) for table in tables for row in table.rows}
        if options.system not in known:
            raise UserError(
                f"no system '{options.system}' in these results",
                where=str(options.results_dir),
                todo=did_you_mean(options.system, known),
            )
    views = []
    with progress_bar(sum(len(table.rows) for table in tables), " systems", "reading") as bar:
        for table in tables:
            for rows in rows_that_compare(table.rows).values():
                chosen = options.system or _choose(tables, rows, options.choose_on)
                views.append(_view(table, rows, chosen, options, bar))
    return views


def _read_tables(options: ReportOptions) -> list[ResultsTable]:
    folder = options.results_dir
    paths = sorted(path for path in folder.glob("*.json") if not path.stem.endswith(HOTWORD_SUFFIX))
    if not paths:
        todo = "Run 'asr score' first, or give --results-dir."
        raise UserError("holds no results (<split>.json)", where=str(folder), todo=todo)
    todo = "Remove the file and score the decode folders of this split again."
    tables = [ResultsTable.parse(read_json(path), str(path), todo) for path in paths]
    unknown = sorted(options.cuts.keys() - {table.split for table in tables})
    if unknown:
        todo = did_you_mean(unknown[0], (table.split for table in tables))
        raise UserError(f"--cuts names the split '{unknown[0]}'", where=str(folder), todo=todo)
    for split, path in options.cuts.items():
        if not path.is_file():
            raise UserError(
                "the file does not exist", where=str(path), todo=f"Mend --cuts {split}=…"
            )
    return sorted(tables, key=lambda table: (table.split == options.choose_on, table.split))


def _choose(
    tables: Iterable[ResultsTable], rows: Sequence[ResultRow], choose_on: str
) -> str | None:
    """Return which of a view's systems has the lowest rate on the split of the choice.

    The faster of equals is taken; None when there is no such rate.
    """
    candidates = {system_name(row) for row in rows}
    for table in tables:
        if table.split == choose_on:
            there = [
                row
                for row in table.rows
                if row.compared_after == rows[0].compared_after and system_name(row) in candidates
            ]
            best = _lowest(there, table.unit)
            return None if best is None else system_name(there[best])
    return None


def _lowest(rows: Sequence[ResultRow], unit: Unit) -> int | None:
    rates = [
        (rate, row.rtf, index)
        for index, row in enumerate(rows)
        if (rate := row.rate(unit).rate) is not None
    ]
    return min(rates)[2] if rates else None


def _view(
    table: ResultsTable,
    rows: Sequence[ResultRow],
    chosen: str | None,
    options: ReportOptions,
    bar: tqdm,
) -> View:
    best = _lowest(rows, table.unit)
    systems, decoded = _read_systems(rows, best, chosen, table.unit, options.exp_root, bar)
    shown: tuple[System, Decoded] | None = None
    why_not = _why_not(rows, chosen, options.choose_on)
    for system in systems:
        if system.name == chosen and decoded is not None:
            shown = system, decoded
        elif system.name == chosen:
            why_not = f"The errors of {chosen} are not shown: {system.problem}."
    stored = options.results_dir / f"{table.split}{HOTWORD_SUFFIX}.json"
    hotwords = HotwordTable.read(stored, table.split).rows
    return View(
        split=table.split,
        unit=table.unit,
        compared_after=rows[0].compared_after,
        systems=systems,
        best=best,
        shown=shown,
        why_not=why_not,
        hotwords=[row for row in hotwords if row.compared_after == rows[0].compared_after],
    )


def _read_systems(
    rows: Sequence[ResultRow],
    best: int | None,
    chosen: str | None,
    unit: Unit,
    exp_root: Path,
    bar: tqdm,
) -> tuple[list[System], Decoded | None]:
    """Compare every row with the best; return what the chosen one decoded as well.

    A decoded split with its alignments is large: no more than three are held at a time.
    """
    of_best = "" if best is None else _read_decoded(rows[best], unit, exp_root)
    reference = of_best.score if isinstance(of_best, Decoded) else None
    systems: list[System] = []
    of_chosen: Decoded | None = None
    for index, row in enumerate(rows):
        if index == best:
            decoded, system = of_best, _compared(row, of_best, None)
        else:
            decoded = _read_decoded(row, unit, exp_root)
            system = _compared(row, decoded, reference)
        systems.append(system)
        if system.name == chosen and isinstance(decoded, Decoded):
            of_chosen = decoded
        bar.update()
    return systems, of_chosen


def _why_not(rows: Sequence[ResultRow], chosen: str | None, choose_on: str) -> str:
    if chosen is None:
        return (
            "No system was chosen to show the errors of: none of these has an error rate on "
            f"'{choose_on}'. "
            "Give asr report --choose-on SPLIT or --system EXPERIMENT/METHOD."
        )
    if chosen not in map(system_name, rows):
        return f"{chosen}, whose errors would be shown, has no row here."
    return ""


def _read_decoded(row: ResultRow, unit: Unit, exp_root: Path) -> Decoded | str:
    """Score a decode folder anew; or say why what it holds does not stand for the row."""
    folder = exp_root / row.experiment / "decode" / row.split / row.folder
    if not folder.is_dir():
        return f"there is no decode folder {folder}"
    try:
        utterances = read_hypotheses(folder / "hyps.jsonl")
    except UserError as error:
        return str(error).rstrip(".")
    normaliser = cast(NormaliserName, row.normaliser)
    compared = normalise_utterances(utterances, normaliser)
    score = score_corpus(compared, unit)
    if score.total != row.rate(unit).counts:
        return f"{folder} has been decoded again since it was scored: {_SCORE_AGAIN}"
    return Decoded(compared, score)


def _compared(row: ResultRow, decoded: Decoded | str, reference: CorpusScore | None) -> System:
    if isinstance(decoded, str):
        return System(row, problem=decoded)
    if reference is None:
        return System(row)
    try:
        return System(row, compare_corpora(reference, decoded.score))
    except UserError as error:
        return System(row, problem=f"it cannot be compared with the best: {error.what}")
