"""lhotse's CutSets (Żelasko et al. 2021), as JSON lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from asr.corpora.faults.rejections import Rejection, malformed
from asr.corpora.layouts.base import ALL, NO_SPEAKER, locate
from asr.corpora.manifests.files import audio_path, is_one_file
from asr.corpora.tables.reading import Read, numbered_lines
from asr.corpora.tables.rows import TableRow
from asr.files import JsonError, parse_json
from asr.folders import is_own
from asr.speakers import speaker_name

if TYPE_CHECKING:
    from lhotse import MonoCut

SUFFIXES = (".jsonl", ".jsonl.gz")
_CUT_TYPES = {"MonoCut", "MultiCut", "MixedCut"}


class LhotseCuts:
    """`cuts_<part>.jsonl` or `.jsonl.gz` files in a folder, or one such file.

    Every supervision of a cut is an utterance. A recording must be one file, and its channel all
    there is of it: nothing of a cut but times and text goes into a table.
    """

    name = "lhotse"
    about = "a CutSet, .jsonl or .jsonl.gz, or a folder of them: cuts_<part>.jsonl.gz"

    def parts(self, folder: Path) -> list[str]:
        """Return the names of the CutSets in a folder, without `cuts_`; `all` for one file."""
        if folder.is_file():
            return [ALL] if _is_cut_set(folder) else []
        return sorted(_files(folder))

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the supervisions in the order of the file."""
        path = folder if folder.is_file() else _files(folder)[part]
        for where, line in numbered_lines(path):
            if isinstance(line, Rejection):
                yield line
            else:
                yield from _read_cut(line, where, path.parent, language)


def _read_cut(line: str, where: str, folder: Path, language: str) -> Iterator[Read]:
    from lhotse import MonoCut  # and torch with it, which other layouts do without
    from lhotse.serialization import deserialize_item

    try:
        row = parse_json(line, where)
        cut = deserialize_item(row)
    except JsonError as error:
        yield malformed(where, error.what)
        return
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        yield malformed(where, f"not a cut of lhotse's ({type(error).__name__}: {error})")
        return
    if not isinstance(cut, MonoCut):
        yield malformed(where, f"a {type(cut).__name__}; give cuts of one track", row.get("id"))
        return
    fault = _fault(cut)
    if fault:
        yield malformed(where, fault, cut.id)
        return
    if not cut.supervisions:
        path = str(locate(audio_path(cut.recording), folder))
        yield TableRow(cut.id, path, None, NO_SPEAKER, language, cut.start, cut.duration)
    for supervision in cut.supervisions:
        yield TableRow(
            supervision.id,
            str(locate(audio_path(cut.recording), folder)),
            supervision.text or None,
            speaker_name(supervision.speaker),
            language,
            cut.start + supervision.start,
            supervision.duration,
        )


def _fault(cut: MonoCut) -> str:
    """Say what keeps a cut from being times in a file; empty when nothing does."""
    if not cut.has_recording:
        return "has no recording"
    if not is_one_file(cut.recording):
        kinds = ", ".join(source.type for source in cut.recording.sources)
        return f"its recording is not one file but: {kinds}"
    if cut.recording.transforms:
        return "its recording is transformed (speed, volume, …); give the original cuts"
    if len(cut.recording.channel_ids) > 1:
        return f"channel {cut.channel} of {len(cut.recording.channel_ids)}; write it as a file"
    return ""


def _files(folder: Path) -> dict[str, Path]:
    """Return the CutSets of a folder by part."""
    if not folder.is_dir():
        return {}
    paths = (path for path in sorted(folder.iterdir()) if is_own(path) and _is_cut_set(path))
    return {re.sub(r"^(.*_)?cuts_|\.jsonl(\.gz)?$", "", path.name) or ALL: path for path in paths}


def _is_cut_set(path: Path) -> bool:
    if not path.name.endswith(SUFFIXES) or not path.is_file():
        return False
    _, line = next(numbered_lines(path), ("", ""))
    try:
        first = None if isinstance(line, Rejection) else parse_json(line)
    except ValueError:
        return False
    return isinstance(first, dict) and (
        first.get("type") in _CUT_TYPES or {"recording", "supervisions"} <= first.keys()
    )
