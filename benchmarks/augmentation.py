"""What augmentation costs, in utterances a second: `python benchmarks/augmentation.py`.

One thread, CPU time (so that other programs count little), synthetic speech and noise of the length
and rate asked for. Files are decoded and rooms simulated before the clock starts, as in all epochs
but the first. Features are measured as well: they have to be computed on the fly when samples are
augmented.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from lhotse import Recording
from lhotse.cut import Cut

from asr.config.augmentation import Augmentation
from asr.config.features import FbankParams
from asr.config.loading import parse_config
from asr.signal.audio.wav import write_wav
from asr.signal.augmentation import WaveformAugmenter
from asr.signal.augmentation.preview import parts_alone
from asr.signal.features.fbank import FbankExtractor

CODECS = ("mp3", "vorbis", "opus", "gsm", "g711-mulaw")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="an utterance's length")
    parser.add_argument("--rate", type=int, default=16000, help="Hz")
    parser.add_argument("--repeats", type=int, default=40, help="utterances a row")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.1, int(options.seconds * options.rate)).astype(np.float32)
    print(f"Utterances of {options.seconds:g} s at {options.rate} Hz, one thread.\n")
    print("| part | utterances / CPU s | x real time |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        cuts = write_sounds(Path(folder), options.rate)
        for name, augmentation in rows(folder).items():
            augmenter = WaveformAugmenter(augmentation, 0, cuts)

            def augment(seed: int, augmenter: WaveformAugmenter = augmenter) -> None:
                augmenter.apply(samples, options.rate, np.random.default_rng(seed))

            print(row(name, augment, options.repeats, options.seconds), flush=True)
    extractor = FbankExtractor(FbankParams(sampling_rate=options.rate))
    print(row("fbank", lambda _: extractor.extract(samples), options.repeats, options.seconds))


def rows(folder: str) -> dict[str, Augmentation]:
    """Every part alone, each codec alone, and a usual mixture."""
    usual = parse(
        {
            "reverberation": {"num_rooms": 20, "probability": 0.3},
            "babble": {"pool_size": 20, "probability": 0.2},
            "noises": [{"folder": folder, "probability": 0.5}],
            "gain": {"probability": 0.5},
            "telephone": {"probability": 0.1},
            "codecs": {"probability": 0.1},
        }
    )
    found = {name: one for name, one in parts_alone(usual).items() if name != "codecs"}
    for name in CODECS:
        found[f"codecs: {name}"] = parse({"codecs": {"names": [name], "probability": 1.0}})
    return {**found, "all, probabilities 0.1 to 0.5": usual}


def parse(keys: dict) -> Augmentation:
    return parse_config({"augmentation": keys}, source="benchmark").augmentation


def row(what: str, work: Callable[[int], object], repeats: int, seconds: float) -> str:
    """Time the second of two equal rounds; the first fills caches."""
    for _ in range(2):
        start = time.process_time()
        for seed in range(repeats):
            work(seed)
        speed = repeats / (time.process_time() - start)
    return f"| {what} | {speed:,.0f} | {speed * seconds:,.0f} |"


def write_sounds(folder: Path, rate: int) -> list[Cut]:
    """Write twenty files of ten seconds; they are noise, and the talkers of babble."""
    rng = np.random.default_rng(1)
    cuts = []
    for index in range(20):
        path = folder / f"{index}.wav"
        write_wav(path, rng.normal(0, 0.1, 10 * rate), rate)
        cuts.append(Recording.from_file(path).to_cut())
    return cuts


if __name__ == "__main__":
    main()
