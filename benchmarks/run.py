"""`make bench`: how fast this machine trains, decodes and computes features.

Runs egs/mini as far as it has to and writes benchmarks/results.md, one table. Every figure is
measured by the commands that users run; the model is the one of egs/mini/conf/conformer.yaml.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MINI = ROOT / "egs" / "mini"
DATA = MINI / "data" / "en"
SCRATCH = "bench"  # the experiment that measurements train; removed afterwards
METHODS = ("ctc-greedy", "ctc-prefix-beam", "attention", "joint", "attention-rescoring")


@dataclass(frozen=True)
class Figure:
    """A row of the table."""

    what: str
    value: str
    how: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60, help="training steps to time")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results.md")
    options = parser.parse_args()
    recipe()  # everything that is not there yet: corpus, features, tokenizer, a trained bundle
    figures = [
        feature_speed(),
        *training_speed(options.steps),
        *loading_share(options.steps // 2),
        *decoding_speed(),
    ]
    options.output.write_text(render(figures), encoding="utf-8")
    print(options.output.read_text(encoding="utf-8"))


def recipe(*arguments: str) -> None:
    subprocess.run(["bash", str(MINI / "run.sh"), *arguments], check=True, cwd=ROOT)


def asr(*arguments: str) -> None:
    command = [sys.executable, "-m", "asr", *arguments]
    subprocess.run(command, check=True, cwd=MINI, stderr=subprocess.DEVNULL)


def feature_speed() -> Figure:
    """Time `asr features` on the test split, start-up included."""
    target = MINI / "data" / "bench"
    shutil.rmtree(target, ignore_errors=True)
    start = time.perf_counter()
    asr(
        "features", "--config", "conf/conformer.yaml", "--cuts", str(DATA / "test" / "cuts.jsonl"),
        "--output-dir", str(target / "fbank"), "--output-cuts", str(target / "cuts_fbank.jsonl"),
    )  # fmt: skip
    seconds = time.perf_counter() - start
    audio = audio_seconds(DATA / "test" / "cuts.jsonl")
    shutil.rmtree(target)
    return Figure(
        "feature extraction",
        f"{audio / seconds:,.0f} x real time",
        f"{audio:.0f} s of audio in {seconds:.1f} s, start of the command included",
    )


def training_speed(steps: int) -> list[Figure]:
    """Time the first step after `run.sh --stage 4`, and the steps after it."""
    experiment = MINI / "exp" / SCRATCH
    shutil.rmtree(experiment, ignore_errors=True)
    metrics = experiment / "metrics.jsonl"
    start = time.perf_counter()
    process = subprocess.Popen(
        [
            "bash", "run.sh", "--stage", "4", "--stop-stage", "4", "--exp-name", SCRATCH,
            "--overrides", f"training.max_steps={steps}",
        ],
        cwd=MINI,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not (metrics.exists() and metrics.stat().st_size):
        if process.poll() is not None:
            raise SystemExit(f"training ended with {process.returncode}; see {experiment}")
        time.sleep(0.02)
    first_step = time.perf_counter() - start
    if process.wait():
        raise SystemExit(f"training ended with {process.returncode}; see {experiment}")
    rows = measured_steps(experiment)
    return [
        Figure(
            "time to the first step",
            f"{first_step:.1f} s",
            "from `run.sh --stage 4` to the first line of metrics.jsonl",
        ),
        Figure(
            "training",
            training_rate(rows),
            f"median of {len(rows)} steps, waiting for data {wait_share(rows):.1f} %",
        ),
    ]


def loading_share(steps: int) -> list[Figure]:
    """Train egs/librispeech's small Conformer on the same speech, its features stored or not."""
    experiment = MINI / "exp" / SCRATCH
    conf = ROOT / "egs" / "librispeech" / "conf" / "conformer_small.yaml"
    figures = []
    for name, cuts in (("stored", "cuts_fbank.jsonl"), ("on the fly", "cuts.jsonl")):
        shutil.rmtree(experiment, ignore_errors=True)
        asr(
            "train", "--config", str(conf), "--set", "tokenizer=CharTokenizer", "--set",
            "tokenizer_params={}", "--set", f"training.max_steps={steps}", "--train-cuts",
            str(DATA / "train" / cuts), "--dev-cuts", str(DATA / "dev" / "cuts_fbank.jsonl"),
            "--tokenizer", str(DATA / "lang_char"), "--exp-dir", str(experiment),
        )  # fmt: skip
        rows = measured_steps(experiment)
        figures.append(
            Figure(
                f"waiting for data, egs/librispeech's conformer_small, features {name}",
                f"{wait_share(rows):.1f} % of the step time",
                f"{len(rows)} steps on egs/mini's speech, {training_rate(rows)}",
            )
        )
    return figures


def measured_steps(experiment: Path) -> list[dict[str, Any]]:
    """Return the training steps of an experiment without the first five, and remove it."""
    lines = (experiment / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    shutil.rmtree(experiment)
    return [row for row in map(json.loads, lines) if row["kind"] == "train"][5:]


def training_rate(rows: list[dict[str, Any]]) -> str:
    speed = statistics.median(row["frames"] / row["step_seconds"] for row in rows)
    return f"{speed:,.0f} frames/s ({speed / 100:,.0f} x real time)"


def wait_share(rows: list[dict[str, Any]]) -> float:
    """Return the percentage of the steps' time that training waited for data."""
    waits = sum(row["data_wait_seconds"] for row in rows)
    return float(100 * waits / sum(row["step_seconds"] for row in rows))


def decoding_speed() -> list[Figure]:
    """Decode the test split with each method, on one thread and on all."""
    figures = []
    for threads in sorted({1, os.cpu_count() or 1}):
        target = MINI / "exp" / SCRATCH
        arguments = [part for method in METHODS for part in ("--method", method)]
        command = [
            sys.executable, "-m", "asr", "decode", "--bundle", "exp/conformer/bundle", "--cuts",
            str(DATA / "test" / "cuts_fbank.jsonl"), "--split", "test", "--output-dir",
            str(target / "decode" / "test"), "--device", "cpu", *arguments,
        ]  # fmt: skip
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        subprocess.run(command, check=True, cwd=MINI, env=environment, stderr=subprocess.DEVNULL)
        for method in METHODS:
            path = target / "decode" / "test" / method / "summary.json"
            summary = json.loads(path.read_text(encoding="utf-8"))
            figures.append(
                Figure(
                    f"decoding, {method}, {threads} thread(s)",
                    f"real-time factor {summary['rtf']:.4f}",
                    f"encoding and search, batches of {summary['batch_duration']:.0f} s",
                )
            )
        shutil.rmtree(target)
    return figures


def audio_seconds(cuts: Path) -> float:
    with cuts.open(encoding="utf-8") as stream:
        return sum(json.loads(line)["duration"] for line in stream)


def render(figures: list[Figure]) -> str:
    lines = [
        "# Speed",
        "",
        "Written by `make bench`; the model and the data are those of `egs/mini`.",
        "",
        f"Machine: {machine()}.",
        "",
        "| what | figure | how |",
        "|---|---|---|",
        *(f"| {figure.what} | {figure.value} | {figure.how} |" for figure in figures),
    ]
    return "\n".join(lines) + "\n"


def machine() -> str:
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    from torch import __version__ as torch_version

    return f"{name}, {os.cpu_count()} cores, no GPU used, torch {torch_version}"


if __name__ == "__main__":
    main()
