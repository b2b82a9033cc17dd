"""Kaldi's data directories (Povey et al. 2011): `wav.scp`, `text`, `utt2spk`, `segments`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection, malformed
from asr.corpora.layouts.base import ALL, locate
from asr.corpora.layouts.kaldi_channels import Channels, Segment
from asr.corpora.tables.reading import Read, numbered_lines, read_entries
from asr.corpora.tables.rows import TableRow
from asr.folders import own_folders
from asr.speakers import speaker_name
from asr.text.scripts import join_cjk

_FILES = ("wav.scp", "text", "utt2spk", "reco2file_and_channel")


class Kaldi:
    """One data directory, or a folder with one in each sub-folder (its parts).

    `utt2spk` and `segments` may be missing: then the speaker is unknown, and a recording is one
    utterance. Where every utterance is a speaker of its own, as Kaldi has it when speakers are not
    known, they are unknown too. What `wav.scp` says must be a file: commands (a `|` at the end) and
    places in archives are set aside. `asr.corpora.layouts.kaldi_channels` says which channel is
    read.
    """

    name = "kaldi"
    about = "wav.scp and text, utt2spk and segments where there are any; sub-folders are parts"

    def parts(self, folder: Path) -> list[str]:
        """Return the sub-folders that are data directories; `all` for a directory itself."""
        if _is_data(folder):
            return [ALL]
        if not folder.is_dir():
            return []
        return [path.name for path in own_folders(folder) if _is_data(path)]

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the utterances in the order of `segments`, or of `wav.scp`; then texts alone."""
        top = folder if part == ALL else folder / part
        found = {name: _read_table(top / name) for name in _FILES}
        (recordings, _), (texts, broken), (speakers, _), (channels_of, _) = found.values()
        for _, faults in found.values():
            yield from faults
        if len(speakers) > 1 and all(name == speaker for name, speaker in speakers.items()):
            speakers = {}
        seen = {fault.id for fault in found["wav.scp"][1]}
        without_text = {fault.id for fault in broken} - texts.keys()
        segments = []
        for item in _segments(top, recordings):
            seen.add(item.id)
            if isinstance(item, Rejection):
                yield item
            elif fault := _no_audio(item, recordings, top):
                yield fault
            elif item.id not in without_text:
                segments.append(item)
        names = {segment.recording for segment in segments}
        paths = {name: str(locate(recordings[name], top)) for name in names}
        channels = Channels(segments, channels_of, paths)
        for segment in segments:
            channel = channels.of(segment)
            if isinstance(channel, Rejection):
                yield channel
                continue
            name, recording, start, duration, _ = segment
            text = join_cjk(texts.get(name, "")) or None
            speaker, path = speaker_name(speakers.get(name)), paths[recording]
            yield TableRow(name, path, text, speaker, language, start, duration, channel)
        for name in (name for name in texts if name not in seen):
            detail = "text has it, but neither segments nor wav.scp"
            yield Rejection(name, None, Reason.MISSING_AUDIO, detail)


def _read_table(path: Path) -> tuple[dict[str, str], list[Rejection]]:
    """Return a file's entries and its broken lines, those of utterances by the utterance."""
    entries, faults = read_entries([path]) if path.is_file() else ({}, [])
    is_recording = path.name == "wav.scp" and not (path.parent / "segments").is_file()
    if path.name != "text" and not is_recording:
        faults = [replace(fault, id=None) for fault in faults]
    return entries, faults


def _no_audio(segment: Segment, recordings: dict[str, str], top: Path) -> Rejection | None:
    entry = recordings.get(segment.recording)
    if entry is None:
        detail = f"wav.scp has no recording '{segment.recording}'"
        return Rejection(segment.id, None, Reason.MISSING_AUDIO, detail)
    fault = _not_a_file(entry)
    return malformed(str(top / "wav.scp"), fault, segment.id) if fault else None


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


def _segments(folder: Path, recordings: dict[str, str]) -> Iterator[Segment | Rejection]:
    path = folder / "segments"
    if not path.is_file():
        yield from (Segment(name, name) for name in recordings)
        return
    for where, line in numbered_lines(path):
        if isinstance(line, Rejection):
            yield line
            continue
        cells = line.split()
        try:
            name, recording, start, end = cells[0], cells[1], float(cells[2]), float(cells[3])
            channel = cells[4] if cells[4:] else None
            if len(cells) > 5:
                raise ValueError
        except (IndexError, ValueError):
            detail = "not <utterance> <recording> <start> <end> [<channel>]"
            yield malformed(where, detail, cells[0])
            continue
        if end == -1:  # to the end of the recording
            yield Segment(name, recording, start, None, channel)
        elif 0 <= start < end < float("inf"):
            yield Segment(name, recording, start, end - start, channel)
        else:
            yield malformed(where, f"no time lies between {start:g} and {end:g} s", name)
