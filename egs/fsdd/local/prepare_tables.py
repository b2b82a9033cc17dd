"""Write the tables of the Free Spoken Digit Dataset, and connected digit strings joined from it.

Protocol "official": of each speaker's 50 clips of a digit, 0-4 are test (the corpus' own split),
5-7 dev, the rest train. Strings join 3 to 7 clips of one speaker and one split, with gaps of faint
noise. Tables: official/{train,dev,test_isolated,test_strings}.jsonl; train and dev hold isolated
clips and strings.

Protocol "unseen": the speakers of --unseen-speakers are left out of train and dev, and strings
joined from all their clips are the test. Tables: unseen/{train,dev,test_strings_unseen}.jsonl; its
train and dev are those of "official" without these speakers.

The same options give the same bytes.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from asr.cli.script import find_corpus, make_output_folder, run_script
from asr.errors import UserError, did_you_mean
from asr.files import write_jsonl
from asr.folders import is_own
from asr.signal.audio.wav import write_wav

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<index>[0-9]+)")
SAMPLING_RATE = 8000
NUM_TEST, NUM_DEV = 5, 3  # clips of a digit and speaker, from index 0 on
DIGITS_PER_STRING = (3, 7)
GAP_SECONDS = (0.05, 0.3)
GAP_NOISE = 5e-4  # standard deviation, full scale is 1
STRINGS_PER_SPEAKER = {"train": 100, "dev": 20, "test_strings": 40, "test_strings_unseen": 100}

Row = dict[str, str]


@dataclass(frozen=True)
class Clip:
    """One recording of one digit."""

    path: Path
    digit: int
    speaker: str
    index: int

    @property
    def split(self) -> str:
        if self.index < NUM_TEST:
            return "test"
        return "dev" if self.index < NUM_TEST + NUM_DEV else "train"


def main() -> None:
    options = parse_arguments()
    folder = find_corpus(options.corpus_dir, "recordings", "egs/fsdd/local/download.sh DIR")
    clips = find_clips(folder)
    unseen = check_unseen(options.unseen_speakers, clips)
    make_output_folder(options.output_dir)
    remove_tables(options.output_dir)
    strings = StringMaker(load_audio(clips), options.output_dir, options.seed)
    train, dev, test = (
        [clip for clip in clips if clip.split == split] for split in ("train", "dev", "test")
    )
    official = {
        "train": isolated(train) + strings.make("official", "train", train),
        "dev": isolated(dev) + strings.make("official", "dev", dev),
        "test_isolated": isolated(test),
        "test_strings": strings.make("official", "test_strings", test),
    }
    of_unseen = [clip for clip in clips if clip.speaker in unseen]
    unseen_protocol = {
        "train": [row for row in official["train"] if row["speaker"] not in unseen],
        "dev": [row for row in official["dev"] if row["speaker"] not in unseen],
        "test_strings_unseen": strings.make("unseen", "test_strings_unseen", of_unseen),
    }
    write_tables(options.output_dir / "official", official)
    write_tables(options.output_dir / "unseen", unseen_protocol)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus-dir", type=Path, required=True, help="folder with recordings")
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--unseen-speakers",
        default="theo,yweweler",
        help="test speakers of the protocol unseen (default: %(default)s)",
    )
    return parser.parse_args()


def find_clips(folder: Path) -> list[Clip]:
    """Return the corpus' clips in a fixed order.

    Raises:
        UserError: a file's name does not follow the corpus' scheme, or a speaker has no clip in
            one of the splits.
    """
    clips = []
    found = (path for path in folder.iterdir() if path.suffix.lower() == ".wav")
    for path in sorted(path for path in found if is_own(path)):
        name = NAME.fullmatch(path.stem)
        if name is None:
            raise UserError(
                "the name does not say digit, speaker and index like 7_jackson_32.wav",
                where=str(path),
                todo="Remove the file from the corpus.",
            )
        clips.append(Clip(path, int(name["digit"]), name["speaker"], int(name["index"])))
    clips.sort(key=lambda clip: (clip.speaker, clip.digit, clip.index))
    for speaker in {clip.speaker for clip in clips}:
        splits = {clip.split for clip in clips if clip.speaker == speaker}
        for split in {"train", "dev", "test"} - splits:
            raise UserError(f"speaker {speaker} has no {split} clips", where=str(folder))
    if not clips:
        raise UserError("holds no wav files", where=str(folder))
    return clips


def check_unseen(speakers: str, clips: list[Clip]) -> set[str]:
    """Return the speakers of a comma-separated list.

    Raises:
        UserError: one of them is not in the corpus, or none is left to train on.
    """
    known = {clip.speaker for clip in clips}
    unseen = set(speakers.split(","))
    for speaker in sorted(unseen - known):
        raise UserError(
            f"no speaker '{speaker}'", where="--unseen-speakers", todo=did_you_mean(speaker, known)
        )
    if unseen == known:
        raise UserError("no speaker is left to train on", where="--unseen-speakers")
    return unseen


def remove_tables(output_dir: Path) -> None:
    """Remove the tables of an earlier run, so that a killed run leaves none beside new audio."""
    for protocol in ("official", "unseen"):
        for table in (output_dir / protocol).glob("*.jsonl"):
            table.unlink()


def load_audio(clips: list[Clip]) -> dict[Clip, np.ndarray]:
    """Return the samples, float32 (N,), of the clips that can be joined.

    The others are named on stderr. They keep their rows in the tables of isolated clips, where
    `asr validate` sets them aside.
    """
    audio = {}
    for clip in clips:
        try:
            audio[clip] = read_clip(clip.path)
        except ValueError as error:
            print(f"{clip.path}: left out of the strings: {error}", file=sys.stderr)
    return audio


def read_clip(path: Path) -> np.ndarray:
    """Return the samples, float32 (N,); raise ValueError when there are none to join."""
    try:
        samples, sampling_rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise ValueError(error) from error
    if sampling_rate != SAMPLING_RATE or samples.ndim != 1:
        raise ValueError("not 8 kHz mono")
    if not len(samples) or not np.isfinite(samples).all():
        raise ValueError("no samples, or values that are not finite")
    return samples


def isolated(clips: list[Clip]) -> list[Row]:
    """Return the rows of clips as they are."""
    return [
        table_row(f"{clip.speaker}-{clip.digit}-{clip.index:02d}", str(clip.path), [clip])
        for clip in clips
    ]


def table_row(utterance: str, path: str, clips: list[Clip]) -> Row:
    return {
        "id": utterance,
        "path": path,
        "text": " ".join(WORDS[clip.digit] for clip in clips),
        "speaker": clips[0].speaker,
        "language": "en",
    }


class StringMaker:
    """Joins clips to strings of digits; what it draws depends on the seed and the split alone."""

    def __init__(self, audio: dict[Clip, np.ndarray], output_dir: Path, seed: int) -> None:
        self._audio = audio
        self._output_dir = output_dir
        self._seed = seed

    def make(self, protocol: str, split: str, clips: list[Clip]) -> list[Row]:
        """Write `STRINGS_PER_SPEAKER` strings of every speaker in `clips`; return their rows."""
        rows = []
        for speaker in sorted({clip.speaker for clip in clips}):
            usable = [clip for clip in clips if clip.speaker == speaker and clip in self._audio]
            if not usable:
                raise UserError(f"no clip of speaker {speaker} can be joined to {split} strings")
            rng = seeded_generator(f"{self._seed} {protocol} {split} {speaker}")
            for number, string in enumerate(deal(usable, STRINGS_PER_SPEAKER[split], rng)):
                utterance = f"{speaker}-{split}-{number:03d}"
                path = f"wav/{protocol}/{split}/{utterance}.wav"
                samples = join([self._audio[clip] for clip in string], rng)
                write_wav(self._output_dir / path, samples, SAMPLING_RATE)
                rows.append(table_row(utterance, f"../{path}", string))
        return rows


def seeded_generator(seed: str) -> np.random.Generator:
    return np.random.default_rng(random.Random(seed).getrandbits(128))


def deal(clips: list[Clip], count: int, rng: np.random.Generator) -> Iterator[list[Clip]]:
    """Yield `count` strings of clips; every clip is used once before any is used again."""
    shortest, longest = DIGITS_PER_STRING
    deck: list[Clip] = []
    for _ in range(count):
        length = int(rng.integers(shortest, longest, endpoint=True))
        while len(deck) < length:
            deck += [clips[index] for index in rng.permutation(len(clips))]
        yield deck[:length]
        deck = deck[length:]


def join(signals: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Return the signals with a gap of faint noise before, between and after them, float32 (N,)."""
    parts = []
    for signal in [*signals, np.zeros(0, np.float32)]:
        gap = round(SAMPLING_RATE * rng.uniform(*GAP_SECONDS))
        parts += [GAP_NOISE * rng.standard_normal(gap, np.float32), signal]
    return np.concatenate(parts)


def write_tables(folder: Path, tables: dict[str, list[Row]]) -> None:
    for name, rows in tables.items():
        write_jsonl(folder / f"{name}.jsonl", rows)
        words = sum(len(row["text"].split()) for row in rows)
        speakers = len({row["speaker"] for row in rows})
        print(f"{folder.name}/{name}: {len(rows)} utterances, {words} words, {speakers} speakers")


if __name__ == "__main__":
    run_script(main)
