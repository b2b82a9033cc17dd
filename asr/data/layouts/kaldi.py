"""Kaldi's data directories (Povey et al. 2011): `wav.scp`, `text`, `utt2spk`, `segments`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.data.faults.reasons import Reason
from asr.data.faults.rejections import Rejection
from asr.data.layouts.base import ALL, NO_SPEAKER, Read, locate, malformed, numbered_lines
from asr.data.tables.rows import TableRow
from asr.text.scripts import join_cjk


class Kaldi:
    """One data directory, or a folder with one in each sub-folder (its parts).

    `utt2spk` and `segments` may be missing: then the speaker is unknown, and a recording is one
    utterance. What `wav.scp` says must be a file: commands (a `|` at the end) and places in
    archives are set aside.
    """

    name = "kaldi"
    about = "wav.scp and text, utt2spk and segments where there are any; sub-folders are parts"

    def parts(self, folder: Path) -> list[str]:
        """Return the sub-folders that are data directories; `all` for a directory itself."""
        if _is_data(folder):
            return [ALL]
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if _is_data(path))

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the utterances in the order of `segments`, or of `wav.scp`; then texts alone."""
        top = folder if part == ALL else folder / part
        tables = {name: _read_table(top / name) for name in ("wav.scp", "text", "utt2spk")}
        for _, faults in tables.values():
            yield from faults
        recordings, texts, speakers = (entries for entries, _ in tables.values())
        seen = set()
        for found in _segments(top, recordings):
            if isinstance(found, Rejection):
                yield found
                if found.id is not None:
                    seen.add(found.id)
                continue
            name, recording, start, duration = found
            seen.add(name)
            if recording not in recordings:
                detail = f"wav.scp has no recording '{recording}'"
                yield Rejection(name, None, Reason.MISSING_AUDIO, detail)
                continue
            where = recordings[recording]
            fault = _not_a_file(where)
            if fault:
                yield malformed(str(top / "wav.scp"), fault, name)
                continue
            text = join_cjk(texts.get(name, "")) or None
            speaker = speakers.get(name) or NO_SPEAKER
            yield TableRow(name, str(locate(where, top)), text, speaker, language, start, duration)
        for name in texts:
            if name not in seen:
                detail = "text has it, but neither segments nor wav.scp"
                yield Rejection(name, None, Reason.MISSING_AUDIO, detail)


def _is_data(folder: Path) -> bool:
    return (folder / "wav.scp").is_file() and (folder / "text").is_file()


def _not_a_file(entry: str) -> str:
    """Say why an entry of wav.scp is no file's path; empty when it is one."""
    if entry.endswith("|"):
        return f"a command is not run: '{entry}'; write its output as a file"
    head, colon, offset = entry.rpartition(":")
    if colon and offset.isdigit() and head.endswith((".ark", ".scp")):
        return f"a place in an archive: '{entry}'; write each recording as a file"
    return "" if entry else "names no file"


def _read_table(path: Path) -> tuple[dict[str, str], list[Rejection]]:
    """Return a file's entries by their first word, and the lines that are none."""
    entries: dict[str, str] = {}
    faults = []
    for where, line in numbered_lines(path) if path.is_file() else ():
        if isinstance(line, Rejection):
            faults.append(line)
            continue
        name, *rest = line.split(maxsplit=1)
        if name in entries:
            faults.append(
                Rejection(name, None, Reason.DUPLICATE_ID, f"{where}: stands there already")
            )
        entries.setdefault(name, rest[0].strip() if rest else "")
    return entries, faults


def _segments(
    folder: Path, recordings: dict[str, str]
) -> Iterator[tuple[str, str, float, float | None] | Rejection]:
    """Yield utterance, recording, start and duration in seconds."""
    path = folder / "segments"
    if not path.is_file():
        yield from ((name, name, 0.0, None) for name in recordings)
        return
    for where, line in numbered_lines(path):
        if isinstance(line, Rejection):
            yield line
            continue
        cells = line.split()
        try:
            name, recording, start, end = cells[0], cells[1], float(cells[2]), float(cells[3])
        except (IndexError, ValueError):
            yield malformed(where, "not <utterance> <recording> <start> <end>", cells[0])
            continue
        if end == -1:  # to the end of the recording
            yield name, recording, start, None
        elif 0 <= start < end < float("inf"):
            yield name, recording, start, end - start
        else:
            yield malformed(where, f"no time lies between {start:g} and {end:g} s", name)
