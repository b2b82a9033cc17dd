"""`asr init-recipe`: from a corpus to a recipe that runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asr.config.tokenizer import NormaliserName
from asr.corpora.faults.rejections import Rejection, nothing_usable
from asr.corpora.layouts import Layout, choose_layout
from asr.corpora.layouts.column_table import ColumnTable
from asr.corpora.tables.corpora import TableRequest
from asr.errors import UserError
from asr.files import disk_errors
from asr.recipes.decisions import Decision, decide
from asr.recipes.files import RecipeFiles
from asr.recipes.places import find_place
from asr.recipes.splits import choose_parts, plan_splits
from asr.recipes.survey import Survey, split_repeated, survey_rows

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class RecipeRequest:
    """What the user asks for.

    Attributes:
        source: the corpus, a folder or a file; never written to.
        egs_dir: where recipes are kept; by default `egs/` of the checkout that the user stands in,
            or else `egs/` in the current folder.
        layout, language, normaliser: found out when None.
        columns: of the layout `table`, see `find_layout`.
    """

    name: str
    source: Path
    egs_dir: Path | None = None
    layout: str | None = None
    language: str | None = None
    normaliser: NormaliserName | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RecipeReport:
    """What was made, and why so.

    Attributes:
        rejected: rows that stage 1 will set aside, as far as was looked.
    """

    folder: Path
    decisions: list[Decision]
    warnings: list[str]
    rejected: list[Rejection]


def init_recipe(request: RecipeRequest) -> RecipeReport:
    """Look at a corpus and write `egs/<name>` for it.

    Raises:
        UserError: the name is taken or is none, the corpus is missing, is laid out in no known way
            or holds too little that is usable. Nothing is written then.
    """
    place = find_place(request.egs_dir)
    folder = _target(request, place.egs_dir)
    layout, others = choose_layout(request.source, request.layout, request.columns)
    source = request.source.absolute()
    language = request.language or "und"
    unsplit = TableRequest(layout.name, source, language, {}, columns=request.columns)
    own = choose_parts(unsplit, layout.parts(source))
    parted = {split: split_repeated(found) for split, found in own.tables.rows.items()}
    survey = survey_rows([row for first, _ in parted.values() for row in first])
    unlisted = [item for items in own.tables.rejected.values() for item in items]
    repeated = [item for _, again in parted.values() for item in again]
    rejected = [*unlisted, *repeated, *survey.faults]
    if not survey.seconds_by_rate:
        beside = f"Not used: {own.unused}." if own.unused else ""
        raise nothing_usable(rejected, where=source, todo=beside)
    splits = plan_splits(own, survey.faults)
    plan = decide(survey, request.language, request.normaliser)
    decisions = [
        _layout_decision(request, layout, others),
        _data_decision(survey),
        Decision("splits", *splits.decision),
        *plan.decisions,
    ]
    warnings = [*plan.warnings, *splits.warnings]
    files = RecipeFiles(folder.name, splits.request, plan, decisions, warnings, place.toolkit)
    _write(folder, files)
    return RecipeReport(folder, decisions, warnings, rejected)


def _target(request: RecipeRequest, egs: Path) -> Path:
    """Return the folder of the recipe, which is not there yet."""
    if not _NAME.fullmatch(request.name):
        raise UserError(
            f"'{request.name}' is no name for a recipe",
            where="NAME",
            todo="Use letters, digits, - and _.",
        )
    folder = egs / request.name
    if folder.exists():
        raise UserError(
            "the recipe exists already",
            where=str(folder),
            todo="Choose another name, or remove it.",
        )
    if folder.resolve().is_relative_to(request.source.resolve()):
        todo = "Choose another --egs-dir, or stand in another folder."
        raise UserError("lies inside the corpus, which is only read", where=str(folder), todo=todo)
    return folder


def _layout_decision(request: RecipeRequest, layout: Layout, others: list[str]) -> Decision:
    why = layout.about if request.layout is None else "given"
    if isinstance(layout, ColumnTable):
        why = f"columns {layout.describe_columns(request.source)}"
    fits_too = f" (fits too: {', '.join(others)})" if others else ""
    return Decision("layout", layout.name, why + fits_too)


def _data_decision(survey: Survey) -> Decision:
    about = "about " if survey.is_estimate else ""
    minutes = 60 * survey.hours
    time = f"{survey.hours:.1f} h" if survey.hours >= 1 else f"{minutes:.1f} min"
    scripts = ", ".join(name.title() for name, _ in survey.text.scripts.most_common(3))
    speakers = len(survey.speakers) or "unknown"
    return Decision(
        "data",
        f"{about}{time}, {survey.utterances} utterances, {speakers} speakers",
        f"{len(survey.text.characters)} different characters: {scripts or 'no letters'}",
    )


def _write(folder: Path, files: RecipeFiles) -> None:
    """Write the recipe's files; the folder gets its name when it is complete."""
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        files.write(unfinished)
        with disk_errors(folder):
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
