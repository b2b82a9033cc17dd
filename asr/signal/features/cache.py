"""Features computed on the fly, kept in files so that the next epoch reads them.

A file an utterance, shared by all processes and loader workers of a machine: whichever of them
needs it next finds it. In a folder of a memory file system (/dev/shm) it is a cache in memory.
Values are stored as they were computed, float32, so that training with a cache is training without.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import struct
import threading
from pathlib import Path

import numpy as np
import torch
from lhotse.cut import Cut
from torch import Tensor

from asr.config.features import FbankParams
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.loading import load_features

logger = logging.getLogger("asr.signal")

_COUNTER, _SUFFIX = "bytes_used", ".f32"


class FeatureCache:
    """Loads features, and keeps what it computes as long as the budget lasts.

    What is kept depends on id, times, speed and the audio file with its size and time of change,
    and on the feature parameters, which name the folder. Utterances that come when the budget is
    spent are computed each time; nothing is thrown out for them, as each is read once an epoch.

    Args:
        folder: of nothing else; made if need be. Several processes may share it.
        max_bytes: of all files together.
        params: of the features.
    """

    def __init__(self, folder: Path, max_bytes: int, params: FbankParams) -> None:
        settings = params.model_dump_json(exclude={"stats_utterances"})
        self.root = folder
        self.folder = folder / f"fbank-{hashlib.sha256(settings.encode()).hexdigest()[:16]}"
        self.max_bytes = max_bytes
        self.num_mel_bins = params.num_mel_bins
        self._failed = False

    def prepare(self) -> int:
        """Remove what a killed process left half-written, and features of other parameters.

        One process of a machine does this before any loads.

        Returns:
            How many bytes are kept already.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for other in self.root.glob("fbank-*"):
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)
        for leftover in self.root.rglob("*.tmp"):
            leftover.unlink(missing_ok=True)
        used = sum(path.stat().st_size for path in self.root.rglob(f"*{_SUFFIX}"))
        (self.root / _COUNTER).write_bytes(struct.pack("<q", used))
        return used

    def load(self, cut: Cut, extractor: FbankExtractor) -> Tensor:
        """Return the features (T, F) of a cut, as `load_features` does.

        Raises:
            UserError: the audio does not fit the extractor's parameters, or is gone.
        """
        path = None if cut.has_features else self._path(cut)
        if path is None:
            return load_features(cut, extractor)
        features = self._read(path)
        if features is None:
            features = load_features(cut, extractor)
            self._keep(path, features)
        return features

    def _path(self, cut: Cut) -> Path | None:
        """Return where a cut's features are kept; None when its audio cannot be told apart."""
        recording = cut.recording.to_dict()
        try:
            status = os.stat(recording["sources"][0]["source"])
        except (OSError, ValueError, TypeError):
            return None
        identity = [
            cut.id, cut.start, cut.duration, cut.channel, recording, status.st_size,
            status.st_mtime_ns,
        ]  # fmt: skip
        name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
        return self.folder / name[:2] / (name[2:] + _SUFFIX)

    def _read(self, path: Path) -> Tensor | None:
        try:
            values = np.fromfile(path, "<f4")
        except OSError:
            return None
        # A crash of the whole machine may leave a file that is empty or short: count its values.
        if len(values) == 0 or len(values) - 1 != values[0] * self.num_mel_bins:
            return None
        return torch.from_numpy(values[1:].reshape(-1, self.num_mel_bins))

    def _keep(self, path: Path, features: Tensor) -> None:
        values = features.numpy().astype("<f4").reshape(-1)
        content = np.concatenate([np.array([len(features)]), values]).astype("<f4").tobytes()
        if self._failed:
            return
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            if not self._claim(len(content)):
                return
            path.parent.mkdir(exist_ok=True)
            temporary.write_bytes(content)
            os.replace(temporary, path)
        except OSError as error:
            self._failed = True
            temporary.unlink(missing_ok=True)
            logger.warning("%s: features are no longer kept here: %s", self.root, error)

    def _claim(self, size: int) -> bool:
        """Count `size` bytes as used, unless the budget does not hold them."""
        with open(self.root / _COUNTER, "r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            (used,) = struct.unpack("<q", stream.read(8))
            if used + size > self.max_bytes:
                return False
            stream.seek(0)
            stream.write(struct.pack("<q", used + size))
            stream.flush()
        return True
