"""AISHELL-1 and what is laid out like it (Bu et al. 2017)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection
from asr.corpora.layouts.base import inside
from asr.corpora.tables.reading import Read, read_entries
from asr.corpora.tables.rows import TableRow
from asr.errors import UserError
from asr.folders import archives_in, is_own, own_folders
from asr.text.scripts import join_cjk


class Aishell:
    """`wav/<part>/<speaker>/<utterance>.wav`, and one transcript file for all of them.

    The transcripts are segmented into words; the spaces between Han characters are dropped. As in
    the corpus itself, a few recordings have no transcript. What is wrong with the transcripts of no
    recording is told with the first part: train, where there is one.
    """

    name = "aishell"
    about = "wav/<part>/<speaker>/*.wav with transcript/*.txt: <utterance> <words>"

    def parts(self, folder: Path) -> list[str]:
        """Return train, dev and test, those that are there.

        Raises:
            UserError: archives of speakers are still packed.
        """
        root = inside(folder, "data_aishell")
        if not (root / "wav").is_dir() or not _transcripts(root):
            return []
        _check_unpacked(root / "wav")
        return [part.name for part in own_folders(root / "wav") if any(_recordings(part))]

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the recordings in the order of their names."""
        root = inside(folder, "data_aishell")
        texts, faults = read_entries(_transcripts(root))
        heard = list(_recordings(root / "wav" / part))
        names = {path.stem for path in heard}
        parts = self.parts(folder)
        elsewhere = {
            path.stem
            for other in parts
            if other != part
            for path in _recordings(root / "wav" / other)
        }
        is_first = part == ("train" if "train" in parts else parts[0])
        told = names if not is_first else {*names, *texts, *(fault.id for fault in faults)}
        yield from (fault for fault in faults if fault.id in told - elsewhere)
        broken = {fault.id for fault in faults} - texts.keys()
        for path in heard:
            text = texts.get(path.stem)
            if path.stem not in broken:
                yield TableRow(
                    id=path.stem,
                    path=str(path.absolute()),
                    text=None if text is None else join_cjk(text),
                    speaker=path.parent.name,
                    language=language,
                )
        for name in (name for name in texts if is_first and name not in names | elsewhere):
            yield Rejection(name, None, Reason.MISSING_AUDIO, "no part has a recording of it")


def _transcripts(root: Path) -> list[Path]:
    folder = root / "transcript"
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.suffix.lower() == ".txt")
    return sorted(path for path in found if is_own(path))


def _recordings(part: Path) -> Iterator[Path]:
    for speaker in own_folders(part):
        found = (path for path in speaker.iterdir() if path.suffix.lower() == ".wav")
        yield from sorted(path for path in found if is_own(path))


def _check_unpacked(wav: Path) -> None:
    """Refuse a corpus with speakers that are archives only, as the first unpacking leaves them."""
    unpacked = {speaker.name for part in own_folders(wav) for speaker in own_folders(part)}
    places = (wav, *own_folders(wav))
    archives = (path for place in places for path in archives_in(place))
    packed = [path for path in archives if path.name.partition(".")[0] not in unpacked]
    if packed:
        raise UserError(
            f"{len(packed)} archives of speakers are still packed, such as {packed[0].name}",
            where=str(wav),
            todo=f'Unpack them: cd {wav} && for a in *.tar.gz; do tar -xzf "$a"; done',
        )
