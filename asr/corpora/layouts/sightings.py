"""What lies where no layout fits: the refusal names it, and the option or command that helps."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from asr.audio.base import AUDIO_SUFFIXES
from asr.corpora.faults.rejections import Rejection
from asr.corpora.layouts.base import locate
from asr.corpora.layouts.column_table import ColumnTable, tables_in
from asr.corpora.layouts.records import first_line, first_names, is_json, read_records
from asr.corpora.tables.reading import numbered_lines
from asr.folders import is_file, own_files, own_folders, unpacking_advice
from asr.lines import binary_kind

Seen = tuple[str, str]  # what it is, and what to do
_LOOKED_AT = 10_000  # files of a folder
_WORDS_OF_A_NAME = 2  # of a column, at most and on average
_SHOWN = 8  # names of columns
_FIRST_HELP = (
    "Give a folder with a .txt beside each recording, or a table: CSV, TSV or JSON lines with a"
    " path and a text in each row."
)


def look_at(source: Path, fits: Callable[[Path], list[str]]) -> Seen:
    """Return what lies at `source`, told behind the word "it", and what to do.

    Args:
        fits: returns the names of the layouts that fit a path.
    """
    return _of_folder(source, fits) if source.is_dir() else _of_file(source)


def _of_file(path: Path) -> Seen:
    kind = _binary_kind(path)
    if kind:
        return kind
    line = first_line(path)
    if not line:
        return _without_text(path)
    if is_json(path):
        return _of_json(path)
    lines = [text for _, text in islice(numbered_lines(path), 20) if isinstance(text, str)]
    if all(re.fullmatch(r"\S+\.tar(\.gz)?", text.strip()) for text in lines):
        return (
            f"is a list of tar files, as WeNet's shards ({lines[0].strip()})",
            "Give WeNet's raw list (JSON lines with key, wav, txt); or unpack them all into one"
            " folder and give that: each recording has its .txt beside it there.",
        )
    return _of_cells(path)


def _binary_kind(path: Path) -> Seen | None:
    if path.suffix.lower() in AUDIO_SUFFIXES:
        return "is one recording, and no corpus", _FIRST_HELP
    if not path.stat().st_size:
        return "is empty", _FIRST_HELP
    kind = binary_kind(path)
    todo = "If it is packed, unpack it and give the folder; save a table as CSV."
    return (f"is {kind}", todo) if kind else None


def _without_text(path: Path) -> Seen:
    _, first = next(numbered_lines(path), ("", ""))
    if isinstance(first, Rejection):
        todo = "Convert it, for instance with `iconv -f GB18030 -t UTF-8`."
        return f"begins with what is no text in UTF-8 or UTF-16 ({first.detail})", todo
    return "holds nothing but blank lines", _FIRST_HELP


def _of_json(path: Path) -> Seen:
    names = first_names(path)
    if not names:
        _, first = next(iter(read_records(path)), ("", None))
        detail = f": {first.detail}" if isinstance(first, Rejection) else ""
        return f"begins as JSON, but holds no object that is a row{detail}", _FIRST_HELP
    keys = set(names)
    if "shard_id" in keys or "tarred_audio_filepaths" in keys:
        todo = "Give the manifest of the audio files before they were packed."
        return f"is a manifest of packed audio, as NeMo's tarred ({_list(names)})", todo
    if {"recording_id", "start"} <= keys or {"sources", "sampling_rate"} <= keys:
        todo = "Join both into cuts: lhotse cut simple -r RECORDINGS -s SUPERVISIONS CUTS.jsonl.gz."
        return f"is one of lhotse's two manifests of a corpus ({_list(names)})", todo
    return _missing_columns("JSON objects with the keys", path, names)


def _missing_columns(what: str, path: Path, names: list[str]) -> Seen:
    found = ColumnTable().find_columns(path)
    missing = [key for key in ("path", "text") if key not in found]
    options = " ".join(f"--column {key}:NAME" for key in missing)
    wanted = " nor ".join({"path": "the audio", "text": "the text"}[key] for key in missing)
    return (
        f"holds {what} {_list(names)}; none of these names is known for {wanted}",
        f"Name it: {options}.",
    )


def _of_cells(path: Path) -> Seen:
    cells = _first_cells(path)
    if len(cells) < 2:
        what = f"holds lines that are not parted into columns, such as '{_short(first_line(path))}'"
        return what, _FIRST_HELP
    audio = next((n for n, cell in enumerate(cells) if _is_audio(cell, path)), None)
    if audio is None:
        return _missing_columns("a table with the columns", path, first_names(path))
    others = [n for n in range(len(cells)) if n != audio]
    text = max(others, key=lambda n: len(cells[n]))
    shown = ", ".join(f"{n} '{_short(cell)}'" for n, cell in enumerate(cells, start=1))
    return (
        f"has no header; the columns of its first line are {shown}",
        f"Say which are which by number: --column path:{audio + 1} --column text:{text + 1}, and"
        " --column speaker:N where there is one.",
    )


def _reads_as_prose(path: Path) -> bool:
    """Whether a text file has sentences where a table has the names of columns, or files."""
    cells = _first_cells(path) if path.suffix.lower() == ".txt" and not is_json(path) else []
    if ColumnTable().find_columns(path) or any(_is_audio(cell, path) for cell in cells):
        return False
    return sum(len(cell.split()) for cell in cells) > _WORDS_OF_A_NAME * len(cells)


def _first_cells(path: Path) -> list[str]:
    _, row = next(iter(read_records(path, has_header=False)), ("", None))
    return [str(cell) for cell in row.values()] if isinstance(row, dict) else []


def _is_audio(cell: str, path: Path) -> bool:
    name = cell.strip()
    if Path(name).suffix.lower() in AUDIO_SUFFIXES:
        return True
    return bool(name) and is_file(locate(name, path.parent))


def _of_folder(folder: Path, fits: Callable[[Path], list[str]]) -> Seen:
    inner = own_folders(folder)[:100]
    below = {path: names for path in inner if (names := fits(path))}
    if below:
        found = ", ".join(f"{path.name} ({names[0]})" for path, names in islice(below.items(), 5))
        return f"holds folders that have a known layout: {found}", "Give one of them."
    nearly = [path for path in tables_in(folder) if not _reads_as_prose(path)]
    if nearly:
        what, todo = _of_file(nearly[-1])
        return f"holds {nearly[-1].name}, which {what}", todo
    files = list(islice(own_files(folder), _LOOKED_AT))
    audio = sum(path.suffix.lower() in AUDIO_SUFFIXES for path in files)
    if audio:
        what = f"holds {audio} recordings, but no text beside them and no table"
        return what, _FIRST_HELP
    if packed := unpacking_advice(folder):
        return "holds no recordings, but archives", packed
    kinds = sorted({path.suffix.lower() or path.name for path in files})
    return f"holds no recordings ({_list(kinds) or 'no files'})", _FIRST_HELP


def _list(names: list[str]) -> str:
    more = ", …" if len(names) > _SHOWN else ""
    return ", ".join(_short(name) for name in names[:_SHOWN]) + more


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:39]}…"
