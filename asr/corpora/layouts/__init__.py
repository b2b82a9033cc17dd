"""Corpus layouts that several corpora share, read into tables of utterances.

A corpus whose layout is its own has a script in its recipe's `local/` instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from asr.corpora.layouts.aishell import Aishell
from asr.corpora.layouts.audio_folder import AudioFolder
from asr.corpora.layouts.base import Layout
from asr.corpora.layouts.column_table import ALIASES, ColumnTable
from asr.corpora.layouts.common_voice import CommonVoice
from asr.corpora.layouts.kaldi import Kaldi
from asr.corpora.layouts.lhotse_cuts import LhotseCuts
from asr.corpora.layouts.librispeech import LibriSpeech
from asr.corpora.layouts.pairs import Pairs
from asr.corpora.layouts.sightings import look_at
from asr.corpora.tables.reading import Read, without_duplicates
from asr.errors import UserError, did_you_mean
from asr.folders import unpacking_advice

# The more a layout asks for, the earlier: the first that fits is what a folder is taken for.
_ALL: tuple[Layout, ...] = (
    LibriSpeech(),
    Aishell(),
    CommonVoice(),
    Kaldi(),
    LhotseCuts(),
    ColumnTable(),
    Pairs(),
    AudioFolder(),
)
LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in _ALL}
_OF_TOOLKITS = {  # layouts by the names of those who write them
    **dict.fromkeys(("nemo", "wenet", "funasr", "speechbrain", "huggingface", "csv"), "table"),
    **dict.fromkeys(("ljspeech", "vits", "piper"), "pairs"),
}


def find_layout(name: str, columns: Mapping[str, str] | None = None) -> Layout:
    """Return the layout called `name`.

    Args:
        columns: for `table`, the names of its columns by what they hold.

    Raises:
        UserError: there is none, or `columns` do not belong to it.
    """
    if name not in LAYOUTS:
        meant = _OF_TOOLKITS.get(name.lower().replace("-", ""))
        todo = f"It is one of those that '{meant}' reads." if meant else did_you_mean(name, LAYOUTS)
        raise UserError(f"no layout '{name}'", where="--layout", todo=todo)
    if not columns:
        return LAYOUTS[name]
    if name != ColumnTable().name:
        raise UserError(f"the layout '{name}' has no columns", where="--column")
    for key in columns:
        if key not in ALIASES:
            raise UserError(f"no '{key}'", where="--column", todo=did_you_mean(key, ALIASES))
    return ColumnTable(columns)


def detect_layouts(folder: Path) -> list[Layout]:
    """Return the layouts that fit what lies at `folder`, the most exacting first."""
    return [layout for layout in LAYOUTS.values() if layout.parts(folder)]


def choose_layout(
    source: Path, name: str | None = None, columns: Mapping[str, str] | None = None
) -> tuple[Layout, list[str]]:
    """Return the layout of what lies at `source`, and the names of others that fit as well.

    Args:
        name, columns: as for `find_layout`; found out when None.

    Raises:
        UserError: nothing lies there, or it is laid out in no known way, or not as `name` says. The
            message says what was seen there.
    """
    if not source.exists():
        raise UserError("no such file or folder", where=str(source))
    if name is None and columns:
        name = ColumnTable().name
    if name is None:
        fitting = detect_layouts(source)
        if not fitting:
            seen, todo = look_at(source, _names_fitting)
            what = f"is laid out in no known way; it {seen}"
            raise UserError(what, where=str(source), todo=todo)
        return fitting[0], [layout.name for layout in fitting[1:]]
    layout = find_layout(name, columns)
    if not layout.parts(source):
        raise _not_laid_out_so(layout, source)
    return layout, []


def _names_fitting(folder: Path) -> list[str]:
    return [layout.name for layout in detect_layouts(folder)]


def _not_laid_out_so(layout: Layout, source: Path) -> UserError:
    if isinstance(layout, ColumnTable) and (missing := layout.missing_column(source)):
        return missing
    others = _names_fitting(source)
    if others:
        todo = f"It is laid out as: {', '.join(others)}."
    else:
        todo = "It {}. {}".format(*look_at(source, _names_fitting))
    return UserError(f"is not laid out as {layout.about}", where=str(source), todo=todo)


def read_parts(layout: Layout, folder: Path, parts: Sequence[str], language: str) -> list[Read]:
    """Return the utterances of parts of a corpus, and what cannot be one.

    Of several rows with one id the first is taken.

    Raises:
        UserError: the corpus or a part is not there, or it holds nothing.
    """
    known = layout.parts(folder)
    if not folder.exists():
        todo = "Give the corpus' own folder."
        raise UserError("no such file or folder", where=str(folder), todo=todo)
    if not known:
        raise _not_laid_out_so(layout, folder)
    rows: list[Read] = []
    for part in parts:
        if part not in known:
            todo = f"{unpacking_advice(folder)} It has {', '.join(known)}.".strip()
            raise UserError(f"the corpus has no part '{part}'", where=str(folder), todo=todo)
        rows += layout.read(folder, part, language)
    if not rows:
        raise UserError(f"{', '.join(parts)} hold no utterances", where=str(folder))
    return list(without_duplicates(rows))
