"""Draw a training's loss and dev error rate: `python tools/plot_training.py exp/NAME OUT.svg`."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt

from asr.files import read_jsonl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("output", type=Path, help=".svg or .png")
    options = parser.parse_args()
    rows = list(read_jsonl(options.experiment / "metrics.jsonl"))
    train = [(r["step"], r["loss"]) for r in rows if r["kind"] == "train" and r["loss"] is not None]
    dev = [(row["step"], 100 * row["wer"]) for row in rows if row["kind"] == "dev"]
    plt.rcParams["svg.hashsalt"] = "fixed"  # the same curve gives the same file
    figure, losses = plt.subplots(figsize=(7, 3.2), layout="constrained")
    losses.plot(*zip(*train, strict=True), color="tab:gray", linewidth=0.6)
    losses.set(xlabel="step", ylabel="training loss, nats a label", yscale="log")
    rates = losses.twinx()
    rates.plot(*zip(*dev, strict=True), color="tab:blue", marker="o", markersize=3)
    rates.set(ylim=(0, 105))
    rates.set_ylabel("greedy error rate on dev, %", color="tab:blue")
    losses.set_title(f"{options.experiment.name}: {len(train)} steps", fontsize=10)
    figure.savefig(options.output, metadata={"Date": None})


if __name__ == "__main__":
    main()
