"""What `asr create-dataset` is asked to make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lhotse.cut import Cut
from lhotse.utils import fastcopy

from asr.config.augmentation import Augmentation, SpeedPerturb
from asr.config.features import FbankParams
from asr.corpora.manifests.cut_rows import cut_of, row_of
from asr.errors import UserError
from asr.feeding.cuts import load_cuts
from asr.feeding.shards.manifest import SHARDS
from asr.signal.augmentation import WaveformAugmenter
from asr.signal.augmentation.pipeline import make_augmenter
from asr.signal.augmentation.speed import at_speed

AudioFormat = Literal["flac", "wav", "none"]
_FORMAT = 1  # raise it when the same cuts and settings would give other files


@dataclass(frozen=True)
class ShardTask:
    """The utterances of one shard.

    Attributes:
        offsets: bytes, of each utterance's line in the cuts file.
        factors: the speed of each.
        seconds: of all together.
    """

    name: str
    offsets: Sequence[int]
    factors: Sequence[float]
    seconds: float

    @property
    def utterances(self) -> int:
        """How many utterances the shard is to hold."""
        return len(self.offsets)


@dataclass(frozen=True)
class DatasetJob:
    """What is made of which cuts, and where it goes.

    Attributes:
        cuts_path: one cut a line, as `asr validate` writes them.
        output_dir: absolute; on a cluster every worker must see it, and the audio, as well.
        shard_size: utterances a shard, copies included.
        seed: of the order of all utterances, and of the waveform augmentation.
        audio: how recordings are stored: 16-bit FLAC or WAV, or not at all.
        features: computed from the stored samples when given.
        speed: the speed copies that are made of every cut; None for the cuts as they are.
        augmenter: changes each utterance once, drawing from (seed, 0, id).
        augmentation: the configuration of `augmenter` as plain data.
    """

    cuts_path: Path
    output_dir: Path
    shard_size: int = 1000
    seed: int = 0
    audio: AudioFormat = "flac"
    features: FbankParams | None = None
    speed: SpeedPerturb | None = None
    augmenter: WaveformAugmenter | None = None
    augmentation: dict[str, Any] | None = None

    @property
    def shards_dir(self) -> Path:
        """Where finished shards lie, and nothing else: lhotse reads the folder as it is."""
        return self.output_dir / SHARDS

    @property
    def work_dir(self) -> Path:
        """Where shards are made; what a killed run leaves is here."""
        return self.output_dir / ".work"

    def report(self, name: str) -> Path:
        """Return where a finished shard is described; it is written after the shard's files."""
        return self.output_dir / "parts" / f"{name}.json"

    @property
    def settings(self) -> dict[str, Any]:
        """What the bytes of the shards depend on, besides the cuts, as plain data."""
        features = self.features
        return {
            "format": _FORMAT,
            "shard_size": self.shard_size,
            "seed": self.seed,
            "audio": self.audio,
            "features": features.model_dump(exclude={"stats_utterances"}) if features else None,
            "speed_factors": self.speed.factors if self.speed else None,
            "augmentation": self.augmentation,
        }

    def cuts(self, task: ShardTask) -> Iterator[Cut]:
        """Read the cuts of a task, at their speeds, without stored features."""
        with open(self.cuts_path, "rb") as stream:
            for offset, factor in zip(task.offsets, task.factors, strict=True):
                stream.seek(offset)
                row = row_of(stream.readline(), str(self.cuts_path))
                cut = fastcopy(cut_of(row, str(self.cuts_path)), features=None)
                yield cut if self.speed is None else at_speed(cut, factor)


def dataset_augmenter(params: Augmentation, cuts_path: Path, seed: int) -> WaveformAugmenter:
    """Return what changes the samples of a dataset's utterances.

    Raises:
        UserError: the conf asks for nothing that changes samples, or as `WaveformAugmenter`.
    """
    # Babble alone looks at other utterances, and needs the whole list for it.
    cuts = load_cuts(cuts_path) if params.babble else []
    augmenter = make_augmenter(params, cuts, seed, str(cuts_path))
    if augmenter is None:
        raise UserError(
            "--augment needs a conf whose augmentation changes samples",
            todo="Write down noises, reverberation, codecs, ...: see docs/augmentation.md.",
        )
    return augmenter
