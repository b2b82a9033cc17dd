"""Data as users have it, made into cuts that can be decoded; what cannot be is set aside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.corpora.faults.reasons import rejecting_reasons
from asr.corpora.faults.rejections import Rejection
from asr.corpora.layouts import choose_layout
from asr.corpora.layouts.base import ALL
from asr.corpora.manifests.preparation import prepare_manifests
from asr.corpora.tables.corpora import TableRequest, write_tables
from asr.corpora.validation import ValidationOptions, validate_split
from asr.errors import UserError
from asr.feeding.cuts import load_cuts
from asr.feeding.shards.manifest import is_dataset
from asr.files import read_json, read_jsonl, write_json

_TEST_NAMES = {"test", "eval", "evaluation"}
_PLAIN_NAMES = {"cuts", "cuts_fbank", "data", "dataset", "manifest", "metadata", "table", "text"}
_CUTS = ("MonoCut", "MultiCut", "MixedCut")


@dataclass(frozen=True)
class DataRequest:
    """What is evaluated on.

    Attributes:
        source: a table, the folder of a corpus, lhotse cuts, shards; only read.
        folder: gets table, manifests and cuts; cuts of `asr validate` are decoded as they are.
        split: the name in the results; made from the source's when None.
        layout, columns: as for `choose_layout`.
        part: of a corpus with parts; its test part when None.
        keep: reasons of `asr validate` that set nothing aside.
        max_duration: seconds; longer utterances are set aside.
        num_jobs: processes that look at the audio.
    """

    source: Path
    folder: Path
    split: str | None = None
    layout: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    part: str | None = None
    keep: Sequence[str] = ()
    max_duration: float = 60.0
    num_jobs: int = 1


@dataclass(frozen=True)
class PreparedData:
    """Cuts to decode.

    Attributes:
        about: what the source was taken for, in words.
        rejected: utterances that are not among the cuts, also in the file `rejected_path`.
    """

    split: str
    cuts: Path
    utterances: int
    about: str
    rejected: Sequence[Rejection] = ()
    rejected_path: Path | None = None


def prepare_data(request: DataRequest, sampling_rate: int) -> PreparedData:
    """Make cuts of what the user has, by the same steps as stage 1 of a recipe.

    Args:
        sampling_rate: Hz, the model's.

    Raises:
        UserError: there is no such data, it is laid out in no known way, has several parts and none
            is named, no transcripts, or nothing usable; or other data of this name was evaluated.
    """
    source = request.source
    if _is_prepared(source):
        split = request.split or _name(source)
        _claim(request, split, {"source": str(source.absolute())})
        return PreparedData(split, source, len(load_cuts(source)), "lhotse cuts, as they are")
    layout, _ = choose_layout(source, request.layout, request.columns)
    parts = layout.parts(source)
    part = _choose_part(parts, request)
    split = request.split or _name(source, part)
    made_of = {"source": str(source.absolute()), "layout": layout.name, "part": part}
    _claim(request, split, {**made_of, "columns": dict(request.columns)})
    about = layout.name if part == ALL else f"{layout.name}, part {part}"
    table = TableRequest(layout.name, source, "und", {split: [part]}, columns=request.columns)
    tables = write_tables(table, request.folder / "tables")
    if not any(row.text for row in tables.rows[split]):
        raise UserError(
            "none of its recordings has a transcript, so there is nothing to compare with",
            where=str(source),
            todo="asr transcribe recognises audio without text.",
        )
    manifests = request.folder / "manifests"
    prepare_manifests(request.folder / "tables" / f"{split}.jsonl", split, manifests)
    options = ValidationOptions(
        sampling_rate=sampling_rate,
        max_duration=request.max_duration,
        rejecting=rejecting_reasons((), request.keep),
    )
    report = validate_split(manifests, split, request.folder, options, request.num_jobs)
    made = request.folder / split
    rejected_path = made / "rejected.jsonl"
    return PreparedData(
        split, made / "cuts.jsonl", len(report.kept), about, report.rejected, rejected_path
    )


def _is_prepared(source: Path) -> bool:
    """Whether these are cuts or shards of this toolkit, which were validated."""
    if is_dataset(source):
        return True
    if source.suffix != ".jsonl" or not source.is_file():
        return False
    first = next(iter(read_jsonl(source)), {})
    if first.get("type") not in _CUTS:
        return False
    recording = first.get("recording")
    is_changed = isinstance(recording, dict) and recording.get("transforms")
    return bool(
        source.with_name("validation.json").is_file() or first.get("features") or is_changed
    )


def _choose_part(parts: Sequence[str], request: DataRequest) -> str:
    listed = ", ".join(parts)
    if request.part is not None:
        if request.part not in parts:
            what = f"has no part '{request.part}'"
            raise UserError(what, where=str(request.source), todo=f"It has {listed}.")
        return request.part
    tests = parts if len(parts) == 1 else [part for part in parts if part.lower() in _TEST_NAMES]
    if len(tests) != 1:
        raise UserError(f"has parts: {listed}", where=str(request.source), todo="Give --part NAME.")
    return tests[0]


def _name(source: Path, part: str = ALL) -> str:
    """Return a split's name for a source: its own, or its folder's where that says more."""
    path = source.resolve()
    stem = re.sub(r"(\.jsonl|\.json|\.csv|\.tsv|\.txt|\.gz)+$", "", path.name, flags=re.IGNORECASE)
    if path.is_file() and stem.lower() in _PLAIN_NAMES:
        stem = path.parent.name
    named = stem if part in (ALL, stem) else f"{stem}-{part}"
    return re.sub(r"[^\w.-]+", "_", named).strip("._") or "data"


def _claim(request: DataRequest, split: str, made_of: dict[str, Any]) -> None:
    """Note what a split's name stands for; other data needs another name."""
    if not re.fullmatch(r"[\w-][\w.-]*", split):
        todo = "Use letters, digits, dots, - and _."
        raise UserError(f"'{split}' is no name for a split", where="--split", todo=todo)
    note = request.folder / split / "source.json"
    if note.is_file() and (before := read_json(note)) != made_of:
        raise UserError(
            f"'{split}' stands for other data here: {before.get('source')}",
            where=str(request.folder / split),
            todo="Give --split NAME or another --output-dir.",
        )
    write_json(note, made_of)
