"""Make the synthetic corpus of this recipe: wav files and one table a split.

The same options give the same bytes, whatever the number of jobs. The tables are written last, and
those of an earlier run are removed first, so a folder with tables always holds all their audio.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain, count, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from grammar import Grammar, Speaker, load_grammar, make_speakers
from tqdm import tqdm

from asr.cli.script import make_output_folder, run_script
from asr.errors import UserError
from asr.files import write_json, write_jsonl
from asr.signal.audio.wav import write_wav
from asr.signal.synthesis.espeak import EspeakSynthesiser

SAMPLING_RATE = 16000
SPLITS = ("train", "dev", "test")
SUMMARY = "corpus.json"
BLOCK = 128  # utterances handed to the workers at once
VOLUME = 25  # low enough that espeak-ng's gain control never limits a voice
NOISE_LEVEL = 1e-4  # of full scale: a faint hiss in place of digital silence


@dataclass(frozen=True)
class Utterance:
    """What a worker needs to know to synthesise one utterance."""

    id: str
    language: str
    speaker: Speaker
    text: str
    pitch: int
    pitch_range: int
    rate: int
    peak: float  # of full scale
    margins: tuple[float, float]  # silence before and after, in seconds
    noise_seed: int


Table = list[dict[str, str]]
SynthesiseAll = Callable[[Iterable[Utterance]], Iterable[np.ndarray]]


def main() -> None:
    options = parse_arguments()
    grammar = load_grammar(options.language)
    EspeakSynthesiser()  # complains before anything is removed
    make_output_folder(options.output_dir)
    for name in (SUMMARY, *(f"{split}.jsonl" for split in SPLITS)):
        (options.output_dir / name).unlink(missing_ok=True)
    tables: dict[str, Table] = {}
    seconds: dict[str, float] = {}
    with synthesis_jobs(options.num_jobs) as synthesise_all:
        for split in SPLITS:
            spoken = speak(plan(split, grammar, options.seed), synthesise_all)
            minutes = getattr(options, f"{split}_minutes")
            tables[split], seconds[split] = write_audio(
                spoken, split, 60 * minutes, options.output_dir
            )
    for split, table in tables.items():
        write_jsonl(options.output_dir / f"{split}.jsonl", table)
    summary = summarise(tables, seconds, grammar.language, options.seed)
    write_json(options.output_dir / SUMMARY, summary)
    print_summary(summary)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--language", choices=["en", "cmn"], default="en")
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train-minutes", type=float, default=60)
    parser.add_argument("--dev-minutes", type=float, default=5)
    parser.add_argument("--test-minutes", type=float, default=10)
    parser.add_argument("--num-jobs", type=int, default=2)
    options = parser.parse_args()
    for name in ("train_minutes", "dev_minutes", "test_minutes", "num_jobs"):
        if getattr(options, name) <= 0:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{getattr(options, name)} is not above 0", where=option)
    return options


def plan(split: str, grammar: Grammar, seed: int) -> Iterator[Utterance]:
    """Yield the utterances of a split without end; the speakers take turns.

    Each utterance has random numbers of its own, so that none depends on another.
    """
    speakers = make_speakers(split, grammar.accents, seed)
    for index in count():
        speaker = speakers[index % len(speakers)]
        rng = random.Random(f"{seed} {grammar.language} {split} {index}")
        yield Utterance(
            id=f"{speaker.name}-{index:05d}",
            language=grammar.language,
            speaker=speaker,
            text=grammar.sample(rng),
            pitch=speaker.pitch + rng.randint(-5, 5),
            pitch_range=rng.randint(35, 65),
            rate=round(speaker.rate * rng.uniform(0.9, 1.1)),
            peak=rng.uniform(0.1, 0.9),
            margins=(rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.3)),
            noise_seed=rng.getrandbits(64),
        )


@contextmanager
def synthesis_jobs(num_jobs: int) -> Iterator[SynthesiseAll]:
    """Yield a function from utterances to their samples, in order, over `num_jobs` processes."""
    if num_jobs == 1:
        yield lambda utterances: map(synthesise, utterances)
        return
    with get_context("spawn").Pool(num_jobs) as pool:
        yield lambda utterances: pool.imap(synthesise, utterances, chunksize=8)


def speak(
    utterances: Iterator[Utterance], synthesise_all: SynthesiseAll
) -> Iterator[tuple[Utterance, np.ndarray]]:
    """Yield each utterance with its samples; a block is in the making at a time."""
    while True:
        block = list(islice(utterances, BLOCK))
        yield from zip(block, synthesise_all(block), strict=True)


def synthesise(utterance: Utterance) -> np.ndarray:
    """Return the utterance at `SAMPLING_RATE`, float32 (N,), with its margins and a faint hiss."""
    import torch
    from torchaudio.functional import resample

    torch.set_num_threads(1)  # the same sums in every process
    speech, sampling_rate = synthesiser().synthesise(
        utterance.text,
        utterance.speaker.voice,
        utterance.rate,
        utterance.pitch,
        pitch_range=utterance.pitch_range,
        volume=VOLUME,
    )
    resampled = resample(torch.from_numpy(speech), sampling_rate, SAMPLING_RATE).numpy()
    scaled = resampled * (utterance.peak / np.abs(resampled).max())
    padded = np.pad(scaled, [round(SAMPLING_RATE * margin) for margin in utterance.margins])
    noise = np.random.default_rng(utterance.noise_seed).standard_normal(len(padded), np.float32)
    return padded + NOISE_LEVEL * noise


@cache
def synthesiser() -> EspeakSynthesiser:
    """Return this process's synthesiser."""
    return EspeakSynthesiser()


def write_audio(
    spoken: Iterator[tuple[Utterance, np.ndarray]], split: str, target: float, output_dir: Path
) -> tuple[Table, float]:
    """Write utterances until they last `target` seconds; return their table and their seconds."""
    table: Table = []
    seconds = 0.0
    with tqdm(desc=split, total=round(target), unit="s", disable=None) as progress:
        for utterance, samples in spoken:
            path = f"wav/{split}/{utterance.speaker.name}/{utterance.id}.wav"
            write_wav(output_dir / path, samples, SAMPLING_RATE)
            table.append(
                {
                    "id": utterance.id,
                    "path": path,
                    "text": utterance.text,
                    "speaker": utterance.speaker.name,
                    "language": utterance.language,
                }
            )
            seconds += len(samples) / SAMPLING_RATE
            progress.update(min(round(seconds), progress.total) - progress.n)
            if seconds >= target:
                break
    return table, seconds


def summarise(
    tables: dict[str, Table], seconds: dict[str, float], language: str, seed: int
) -> dict[str, Any]:
    """Count what the corpus holds."""
    unit = "characters" if language == "cmn" else "words"
    texts = {split: [row["text"] for row in table] for split, table in tables.items()}
    heard = set(texts["train"])
    tokens = {
        token
        for text in chain.from_iterable(texts.values())
        for token in (text if unit == "characters" else text.split())
    }
    return {
        "language": language,
        "seed": seed,
        "splits": {
            split: {
                "utterances": len(table),
                "hours": round(seconds[split] / 3600, 4),
                "speakers": len({row["speaker"] for row in table}),
            }
            for split, table in tables.items()
        },
        f"distinct_{unit}": len(tokens),
        "test_sentences_in_train": round(
            sum(text in heard for text in texts["test"]) / len(texts["test"]), 4
        ),
    }


def print_summary(summary: dict[str, Any]) -> None:
    for split, counts in summary["splits"].items():
        print(
            f"{split}: {counts['utterances']} utterances, {counts['hours']:.2f} hours, "
            f"{counts['speakers']} speakers"
        )
    unit = "characters" if "distinct_characters" in summary else "words"
    print(
        f"{summary[f'distinct_{unit}']} distinct {unit}; "
        f"{summary['test_sentences_in_train']:.0%} of the test sentences occur in train"
    )


if __name__ == "__main__":
    run_script(main)
