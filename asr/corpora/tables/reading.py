"""Text files of corpora, read so that a broken line is set aside and spoils no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from asr.corpora.faults.rejections import Rejection, duplicate, malformed
from asr.corpora.tables.rows import TableRow
from asr.lines import read_lines

Read = TableRow | Rejection


def numbered_lines(path: Path) -> Iterator[tuple[str, str | Rejection]]:
    """Yield `path:number` and each line that is not blank, or why it cannot be read as text.

    See `asr.lines.read_lines` for encodings and ends of lines.
    """
    for line in read_lines(path):
        yield line.where, malformed(line.where, line.fault) if line.fault else line.text


def read_entries(paths: Iterable[Path]) -> tuple[dict[str, str], list[Rejection]]:
    """Read files with lines `<name> <rest>`, as Kaldi, LibriSpeech and AISHELL have them.

    Returns:
        the entries by name, white space around them dropped; the lines that are none, or whose name
        an earlier line has, each with the name where it could be read. A name whose line cannot be
        read has no entry.
    """
    entries: dict[str, str] = {}
    faults = []
    for line in (line for path in paths for line in read_lines(path)):
        name, rest = _first_word(line.text)
        if line.fault:
            readable = name.isprintable() and "\ufffd" not in name
            faults.append(malformed(line.where, line.fault, name if name and readable else None))
        elif name in entries:
            faults.append(duplicate(name, None, f"{line.where}: an earlier line has this name"))
        else:
            entries[name] = rest
    return entries, faults


def _first_word(text: str) -> tuple[str, str]:
    name, *rest = text.split(maxsplit=1) or [""]
    return name, rest[0].strip() if rest else ""


def without_duplicates(items: Iterable[Read]) -> Iterator[Read]:
    """Yield the first row of every id; later ones become rejections."""
    ids: set[str] = set()
    for item in items:
        if isinstance(item, TableRow):
            if item.id in ids:
                yield duplicate(item.id, item.path, "an earlier row has this id")
                continue
            ids.add(item.id)
        yield item
