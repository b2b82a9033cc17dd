"""Reading a dataset of shards: cuts in seeded order for training, their data by random access.

Only the small `cuts.*.jsonl.gz` are read to plan batches. A cut names the bytes of its audio and
features within a tar file, which the loader reads when the cut's turn has come: whichever process
or loader worker that is, it opens the file, seeks and reads.
"""

from __future__ import annotations

import gzip
import itertools
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
from lhotse.audio import AudioSource
from lhotse.cut import Cut
from lhotse.features.io import register_reader
from lhotse.utils import fastcopy

from asr.config.augmentation import SpeedPerturb
from asr.corpora.manifests.cut_rows import cut_of, row_of
from asr.errors import UserError
from asr.feeding.shards.manifest import (
    DatasetManifest,
    Shard,
    damaged,
    dataset_root,
    read_dataset,
)
from asr.files import PathLike
from asr.signal.augmentation.speed import speed_copies
from asr.signal.features.storage import FileReader

Keep = Callable[[list[Cut]], list[Cut]]


@dataclass
class TarAudioSource(AudioSource):
    """Audio that is a part of a tar file, named by `source`.

    Attributes:
        offset, size: bytes, of an audio file within it.
    """

    offset: int = 0
    size: int = 0

    def _prepare_for_reading(self, offset: float, duration: float | None) -> BytesIO:
        return BytesIO(_read_span(str(self.source), self.offset, self.size))


@register_reader
class TarMatrixReader(FileReader):
    """Reads, for lhotse, a float16 matrix that is a part of a tar file."""

    name = "tar_matrices"

    def read(
        self, key: str, left_offset_frames: int = 0, right_offset_frames: int | None = None
    ) -> np.ndarray:
        """Return float32 (T, F), or the frames between two offsets.

        Args:
            key: `offset:size` in bytes, of a NumPy file.

        Raises:
            UserError: the file is gone or damaged.
        """
        offset, size = map(int, key.split(":"))
        try:
            matrix = np.load(BytesIO(_read_span(self.path, offset, size)))
        except (OSError, ValueError, EOFError) as error:
            todo = "Run `asr create-dataset` again as before with --verify."
            raise UserError("stored features are damaged", where=self.path, todo=todo) from error
        return matrix[left_offset_frames:right_offset_frames].astype(np.float32)


@dataclass(frozen=True)
class ShardedCuts:
    """The cuts of a dataset, never all in memory.

    Attributes:
        speed: copies made as the cuts are read; None where there are none, or they are stored.
        keep: parts the cuts of a shard into those that are used and the rest.
    """

    manifest: DatasetManifest
    speed: SpeedPerturb | None = None
    keep: Keep | None = None

    def __len__(self) -> int:
        """How many there are before `keep`, speed copies included."""
        return self.manifest.utterances * (len(self.speed.factors) if self.speed else 1)

    @cached_property
    def seconds(self) -> float:
        """How long they are before `keep`, speed copies included."""
        copies = sum(1 / factor for factor in self.speed.factors) if self.speed else 1.0
        return self.manifest.seconds * copies

    def __iter__(self) -> Iterator[Cut]:
        """Yield all cuts in the order they are stored."""
        return self._read(self.manifest.shards)

    def stream(self, seed: int, epoch: int) -> Iterator[Cut]:
        """Yield all cuts, the shards in an order of their own for each seed and epoch."""
        shards = list(self.manifest.shards)
        random.Random(f"{seed} {epoch}").shuffle(shards)
        return self._read(shards)

    def first(self, count: int) -> list[Cut]:
        """Return the first cuts: a random choice, as they were shuffled when they were stored."""
        return list(itertools.islice(self, count))

    def kept_by(self, keep: Keep) -> ShardedCuts:
        """Return the same cuts without those that `keep` leaves out, decided as they are read."""
        return replace(self, keep=keep)

    def describe(self) -> dict[str, Any]:
        """Return number, hours and a hash of the content, from the checksums in dataset.json."""
        return {
            "utterances": self.manifest.utterances,
            "hours": round(self.manifest.seconds / 3600, 4),
            "sha256": self.manifest.sha256(),
        }

    def _read(self, shards: Sequence[Shard]) -> Iterator[Cut]:
        for shard in shards:
            cuts = read_shard(self.manifest, shard)
            if self.speed is not None:
                cuts = list(speed_copies(cuts, self.speed))
            yield from cuts if self.keep is None else self.keep(cuts)


def open_shards(path: PathLike, speed: SpeedPerturb | None = None) -> ShardedCuts | None:
    """Open a dataset of shards for training; None when `path` is not one.

    Args:
        path: the dataset's folder, its `dataset.json` or its folder of shards.
        speed: the copies to train on: those that are stored, or made as audio is read.

    Raises:
        UserError: the dataset is unfinished or damaged, or holds other copies than are asked for.
    """
    root = dataset_root(path)
    if root is None:
        return None
    manifest = read_dataset(root)
    stored = manifest.settings["speed_factors"]
    if speed is None or (stored is not None and sorted(stored) == sorted(speed.factors)):
        return ShardedCuts(manifest)
    if stored is not None or manifest.settings["features"] is not None:
        raise UserError(
            f"the shards hold copies at the speeds {stored or [1.0]}, the conf asks for"
            f" {speed.factors}",
            where=str(root),
            todo="Make them with --speed-copies and this conf, without --features, or leave "
            "augmentation.speed_perturb out.",
        )
    return ShardedCuts(manifest, speed)


def read_shard(manifest: DatasetManifest, shard: Shard) -> list[Cut]:
    """Read the cuts of a shard; audio and features stay where they are until they are loaded.

    Raises:
        UserError: the file of cuts is damaged; the shard is named.
    """
    path = shard.path(manifest.folder, "cuts")
    if path is None:
        return []
    tars = {
        kind: str(shard.path(manifest.folder, kind) or "") for kind in ("recording", "features")
    }
    try:
        with gzip.open(path, "rb") as stream:
            cuts = [_attached(row_of(line, str(path)), tars, str(path)) for line in stream]
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error, UserError) as error:
        raise damaged(manifest.folder, shard.name, f"{path.name}: {error}") from error
    if len(cuts) != shard.utterances:
        fault = f"{path.name} holds {len(cuts)} cuts, not {shard.utterances}"
        raise damaged(manifest.folder, shard.name, fault)
    return cuts


def _attached(row: dict[str, Any], tars: dict[str, str], where: str) -> Cut:
    """Return the cut of a line, with the places of its data."""
    custom = row["custom"]
    recording, features = custom.pop("recording_span", None), custom.pop("features_span", None)
    if not custom:
        del row["custom"]
    if recording is not None:
        for source in row["recording"]["sources"]:  # placeholders
            source.update(type="file", source=tars["recording"])
    if features is not None:
        row["features"].update(
            storage_type=TarMatrixReader.name,
            storage_path=tars["features"],
            storage_key=":".join(map(str, features)),
        )
    cut = cut_of(row, where)
    if recording is not None:
        channels = cut.recording.channel_ids
        source = TarAudioSource("file", channels, tars["recording"], None, *recording)
        cut.recording = fastcopy(cut.recording, sources=[source])
    return cut


def _read_span(path: str, offset: int, size: int) -> bytes:
    with open(path, "rb") as stream:
        stream.seek(offset)
        return stream.read(size)
