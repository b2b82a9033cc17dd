"""What a corpus costs by the utterance before training begins, at 1,000, 10,000 and 100,000.

Writes synthetic manifests, without audio, and measures validation of texts and durations, reading
the cuts, what training does before its first step, and an epoch of batches. Every measurement is a
process of its own, warmed up on 200 utterances, so that imports do not count. Times are of the
processor, which other work on the machine changes less than those of the clock. Peak memory is what
the process held at most beyond what it held before. The table goes to benchmarks/scale.md.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from processes import machine, peak_memory

if TYPE_CHECKING:
    from asr.config.augmentation import SpeedPerturb
    from asr.feeding.batches.sampling import GlobalBatchSampler

SIZES = (1_000, 10_000, 100_000)
WARM_UP = 200
RATE = 16000
SPLIT = "train"


@dataclass(frozen=True)
class Cost:
    """Of one phase, all utterances together: CPU seconds, and bytes of memory beyond the start."""

    seconds: float
    peak_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--repeats", type=int, default=3, help="the fastest one counts")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    parser.add_argument("--measure", nargs=3, metavar=("PHASE", "FOLDER", "WARM_UP"))
    options = parser.parse_args()
    if options.measure:
        phase, folder, warm_up = options.measure
        print(json.dumps(vars(measure(phase, Path(folder), Path(warm_up)))))
        return
    with tempfile.TemporaryDirectory() as root:
        costs = measure_all(Path(root), options.sizes, options.repeats)
    text = render(costs)
    options.output.write_text(text, encoding="utf-8")
    print(text)


def measure_all(root: Path, sizes: list[int], repeats: int) -> dict[str, dict[int, Cost]]:
    """Measure every phase at every size, each time in a new process."""
    costs: dict[str, dict[int, Cost]] = {phase: {} for phase in PHASES}
    for size in (WARM_UP, *sizes):
        write_manifests(root / str(size), size)
    warm_up = root / str(WARM_UP)
    validate(warm_up)  # the phases after it read its cuts
    for phase in PHASES:
        for size in sizes:
            arguments = ["--measure", phase, str(root / str(size)), str(warm_up)]
            command = [sys.executable, __file__, *arguments]
            found = []
            for _ in range(repeats):
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found.append(Cost(**json.loads(done.stdout.splitlines()[-1])))
            costs[phase][size] = min(found, key=lambda cost: cost.seconds)
            print(phase, size, costs[phase][size], file=sys.stderr)
    return costs


def write_manifests(folder: Path, size: int) -> None:
    """Write manifests of `size` utterances of 1 to 16 s, by 500 speakers, with random words."""
    folder.mkdir()
    rng = random.Random(size)
    words = [
        "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(5000)
    ]
    with (
        open(folder / f"recordings_{SPLIT}.jsonl", "w", encoding="utf-8") as recordings,
        open(folder / f"supervisions_{SPLIT}.jsonl", "w", encoding="utf-8") as supervisions,
    ):
        for index in range(size):
            samples = rng.randint(RATE, 16 * RATE)
            speaker = f"speaker{index % 500:03d}"
            name = f"{speaker}-{index:07d}"
            path = f"/corpus/{speaker}/{name}.flac"
            row = {
                "id": f"{speaker}/{name}.flac",
                "sources": [{"type": "file", "channels": [0], "source": path}],
                "sampling_rate": RATE, "num_samples": samples, "duration": samples / RATE,
                "channel_ids": [0],
            }  # fmt: skip
            recordings.write(json.dumps(row) + "\n")
            text = " ".join(rng.choices(words, k=max(1, samples * 2 // RATE)))
            row = {
                "id": name, "recording_id": row["id"], "start": 0.0, "duration": samples / RATE,
                "channel": 0, "text": text, "language": "en", "speaker": speaker,
            }  # fmt: skip
            supervisions.write(json.dumps(row) + "\n")


# ---- the phases: each prepares what it needs, and returns what is measured ----


def validate(folder: Path) -> None:
    from asr.corpora.validation import ValidationOptions, validate_split

    validate_split(folder, SPLIT, folder, ValidationOptions(RATE, decode=False))


def prepare_validation(folder: Path) -> Callable[[], object]:
    return lambda: validate(folder)


def prepare_reading(folder: Path) -> Callable[[], object]:
    from asr.feeding.cuts import load_cuts

    return lambda: load_cuts(folder / SPLIT / "cuts.jsonl")


def prepare_copies(folder: Path) -> Callable[[], object]:
    from asr.config.augmentation import SpeedPerturb
    from asr.feeding.cuts import load_training_cuts

    return lambda: load_training_cuts(folder / SPLIT / "cuts.jsonl", SpeedPerturb())


def prepare_description(folder: Path) -> Callable[[], object]:
    from asr.feeding.cuts import describe_cuts, load_cuts

    cuts = load_cuts(folder / SPLIT / "cuts.jsonl")
    return lambda: describe_cuts(cuts)


def prepare_rule(folder: Path) -> Callable[[], object]:
    from asr.config.features import FbankParams
    from asr.config.tokenizer import CharTokenizerParams
    from asr.corpora.feasibility import split_feasible
    from asr.feeding.cuts import load_cuts
    from asr.text.tokenizers import CharTokenizer

    cuts = load_cuts(folder / SPLIT / "cuts.jsonl")
    tokenizer = CharTokenizer.train(["abcdefghijklmnopqrstuvwxyz a"], CharTokenizerParams())
    features = FbankParams(sampling_rate=RATE)
    return lambda: split_feasible(cuts, tokenizer, features, lambda frames: frames // 4, "reject")


def prepare_batch(folder: Path) -> Callable[[], object]:
    sampler = make_sampler(folder)
    return lambda: next(iter(sampler))


def prepare_batch_of_copies(folder: Path) -> Callable[[], object]:
    from asr.config.augmentation import SpeedPerturb

    sampler = make_sampler(folder, SpeedPerturb())
    return lambda: next(iter(sampler))


def prepare_epoch(folder: Path) -> Callable[[], object]:
    sampler = make_sampler(folder)
    return lambda: sampler.count_batches(0)


def make_sampler(folder: Path, speed: SpeedPerturb | None = None) -> GlobalBatchSampler:
    from asr.feeding.batches.sampling import GlobalBatchSampler
    from asr.feeding.cuts import load_training_cuts

    cuts = load_training_cuts(folder / SPLIT / "cuts.jsonl", speed)
    return GlobalBatchSampler(cuts, batch_duration=600.0, num_buckets=30, seed=0, speed=speed)


PHASES = {
    "validation, `--no-audio`": prepare_validation,
    "reading the cuts": prepare_reading,
    "reading the cuts, three speeds": prepare_copies,
    "hash of the data": prepare_description,
    "CTC rule": prepare_rule,
    "buckets and the first batch": prepare_batch,
    "the same, one of three speeds": prepare_batch_of_copies,
    "an epoch of batches": prepare_epoch,
}


def measure(phase: str, folder: Path, warm_up: Path) -> Cost:
    """Run a phase once in this process."""
    PHASES[phase](warm_up)()
    run = PHASES[phase](folder)
    with peak_memory() as peak:
        start = time.process_time()
        run()
        seconds = time.process_time() - start
        found = peak()
    return Cost(seconds, found)


def render(costs: dict[str, dict[int, Cost]]) -> str:
    """Lay out one row a phase and size."""
    lines = [
        "# Cost of a corpus by the utterance",
        "",
        f"Written by `python benchmarks/scale.py`; what is typed here is overwritten. {machine()}.",
        "",
        "| phase | utterances | CPU s | µs / utterance | peak MB | bytes / utterance |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for phase, by_size in costs.items():
        for size, cost in by_size.items():
            lines.append(
                f"| {phase} | {size:,} | {cost.seconds:.3f} | {cost.seconds / size * 1e6:.1f}"
                f" | {cost.peak_bytes / 1e6:.1f} | {cost.peak_bytes / size:,.0f} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
