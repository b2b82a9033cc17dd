"""Corpus layouts that several corpora share, read into tables of utterances.

A corpus whose layout is its own has a script in its recipe's `local/` instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asr.data.layouts.aishell import Aishell
from asr.data.layouts.base import Layout
from asr.data.layouts.common_voice import CommonVoice
from asr.data.layouts.librispeech import LibriSpeech
from asr.data.tables import TableRow
from asr.errors import UserError, did_you_mean

_ALL: tuple[Layout, ...] = (LibriSpeech(), Aishell(), CommonVoice())
LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in _ALL}


def find_layout(name: str) -> Layout:
    """Return the layout called `name`.

    Raises:
        UserError: there is none.
    """
    if name not in LAYOUTS:
        raise UserError(f"no layout '{name}'", where="--layout", todo=did_you_mean(name, LAYOUTS))
    return LAYOUTS[name]


def detect_layouts(folder: Path) -> list[Layout]:
    """Return the layouts that fit what lies in `folder`."""
    return [layout for layout in LAYOUTS.values() if layout.parts(folder)]


def read_parts(layout: Layout, folder: Path, parts: Sequence[str], language: str) -> list[TableRow]:
    """Return the utterances of parts of a corpus.

    Raises:
        UserError: the corpus or a part is not there, or it holds nothing.
    """
    known = layout.parts(folder)
    if not known:
        problem = f"is not laid out as {layout.about}" if folder.is_dir() else "no such folder"
        raise UserError(problem, where=str(folder), todo="Give the corpus' own folder.")
    rows: list[TableRow] = []
    for part in parts:
        if part not in known:
            todo = f"It has {', '.join(known)}."
            raise UserError(f"the corpus has no part '{part}'", where=str(folder), todo=todo)
        rows += layout.read(folder, part, language)
    if not rows:
        raise UserError(f"{', '.join(parts)} hold no utterances", where=str(folder))
    return rows
