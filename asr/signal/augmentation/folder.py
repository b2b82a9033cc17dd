"""Folders of noises and impulse responses: listed once, decoded when drawn, kept within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from asr.audio.base import AUDIO_SUFFIXES, AudioError
from asr.audio.reader import read_header
from asr.errors import UserError
from asr.folders import own_files
from asr.signal.audio.files import read_part
from asr.signal.augmentation.base import repeated

CACHE_BYTES = 128 * 2**20
LONGEST_KEPT_SECONDS = 120.0
_SUFFIXES = {f".{name.lower()}" for name in soundfile.available_formats()} | AUDIO_SUFFIXES


class DecodedCache:
    """Keeps the sounds used last, up to a number of bytes.

    What it returns does not depend on what it holds: a sound is decoded again when it is gone.
    """

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._kept: OrderedDict[object, np.ndarray] = OrderedDict()

    def get(self, key: object, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the sound of that key, from `decode` when it is not held."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        sound = decode()
        self._kept[key] = sound
        self.num_bytes += sound.nbytes
        while self.num_bytes > self.max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self.num_bytes -= dropped.nbytes
        return sound


@dataclass(frozen=True)
class SoundFile:
    """A file of a folder: its length at its own rate."""

    path: Path
    num_samples: int
    sampling_rate: int

    @property
    def seconds(self) -> float:
        return self.num_samples / self.sampling_rate


class AudioFolder:
    """The audio files of a folder and its subfolders, in the order of their names.

    Only headers are read at first. Files that cannot be read are left out and stand in
    `unreadable`, as `path: reason`.

    Args:
        where: the key of the conf file that names the folder, for errors.

    Raises:
        UserError: the folder is missing or no file in it can be read.
    """

    def __init__(self, folder: str, where: str, cache: DecodedCache) -> None:
        self.files: list[SoundFile] = []
        self.unreadable: list[str] = []
        self._cache = cache
        root = Path(folder)
        if not root.is_dir():
            raise UserError(f"the folder {folder} does not exist", where=where)
        for path in sorted(own_files(root)):
            if path.suffix.lower() in _SUFFIXES and path.is_file():
                self._add(path)
        if not self.files:
            found = f"none of {len(self.unreadable)} audio files in {folder} can be read"
            if not self.unreadable:
                found = f"{folder} holds no audio files"
            example = self.unreadable[0] if self.unreadable else ""
            todo = f"The first: {example}." if example else "Give a folder of WAV or FLAC files."
            raise UserError(found, where=where, todo=todo)

    def draw_file(self, rng: np.random.Generator) -> SoundFile:
        """Draw one file, each as likely as the others."""
        return self.files[int(rng.integers(len(self.files)))]

    def draw_stretch(self, num_samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Return float32 (num_samples,) from a random place of a random file, at `rate` Hz.

        Raises:
            UserError: the file drawn is damaged behind its header.
        """
        file = self.draw_file(rng)
        if file.seconds <= LONGEST_KEPT_SECONDS:
            return repeated(self.whole(file, rate), num_samples, rng)
        needed = -(-num_samples * file.sampling_rate // rate) + 1
        start = int(rng.integers(max(1, file.num_samples - needed + 1)))
        stretch = read_part(file.path, rate, start, needed)
        return stretch if len(stretch) == num_samples else repeated(stretch, num_samples, rng)

    def whole(self, file: SoundFile, rate: int, channel: int = -1) -> np.ndarray:
        """Return a whole file at `rate` Hz, float32 (N,); see `read_part` for the channel."""
        key = (file.path, rate, channel)
        return self._cache.get(key, lambda: read_part(file.path, rate, channel=channel))

    def _add(self, path: Path) -> None:
        try:
            header = read_header(path)
        except (AudioError, OSError) as error:
            self.unreadable.append(f"{path}: {error}")
            return
        if header.num_samples == 0:
            self.unreadable.append(f"{path}: holds no samples")
            return
        self.files.append(SoundFile(path, header.num_samples, header.sampling_rate))
