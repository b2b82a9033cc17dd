"""Speed, size and errors of a model in torch and exported: ONNX, int8, whole and chunk by chunk.

    python benchmarks/export.py [--bundle exp/<name>/bundle --cuts data/test/cuts.jsonl]

All decode the same features on one thread, one utterance at a time; a streaming export gets them
chunk by chunk. Times are of the processor, and the fastest of several runs counts.
The table goes to benchmarks/export.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from processes import machine

from asr.bundle import Bundle, load_bundle
from asr.config.export import ExportOptions
from asr.corpora.feasibility import cut_text
from asr.decoding.recognizer import Recognizer
from asr.deploy.exported.model import load_exported
from asr.deploy.exporting.export import export_bundle
from asr.feeding.cuts import load_cuts
from asr.files import write_text
from asr.models import Chunking
from asr.scoring.alignment import align, count_errors, tokenise
from asr.scoring.text_tables import markdown_table
from asr.signal.features.loading import load_finite_features

MINI = Path(__file__).resolve().parents[1] / "egs" / "mini"
METHODS = ("ctc-greedy", "attention-rescoring")

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=MINI / "exp" / "conformer" / "bundle")
    parser.add_argument("--cuts", type=Path, default=MINI / "data" / "en" / "test" / "cuts.jsonl")
    parser.add_argument("--test-audio", type=Path, help="for a bundle without its own")
    parser.add_argument("--chunk-size", type=int, default=16)
    parser.add_argument("--left-chunks", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("export.md"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for system in systems(arguments) for row in measure(*system, arguments)]
    write_text(arguments.output, render(rows, arguments))
    print(arguments.output.read_text())


def systems(arguments: argparse.Namespace) -> Iterable[tuple[str, Bundle, Chunking | None, float]]:
    """Yield name, model, the chunking of torch, and the size in MB."""
    bundle = arguments.bundle
    weights = (bundle / "weights.pt").stat().st_size / 1e6
    yield "torch, whole", load_bundle(bundle), None, weights
    simulated = load_bundle(bundle)
    chunking = simulated.model.encoder.chunking_of(arguments.chunk_size, arguments.left_chunks)
    yield "torch, simulated chunks", simulated, chunking, weights
    with tempfile.TemporaryDirectory() as scratch:
        for kind, name in (("onnx", "whole"), ("onnx-streaming", "chunk by chunk")):
            chunks = {"chunk_size": arguments.chunk_size, "left_chunks": arguments.left_chunks}
            asked = {"format": kind, **(chunks if kind == "onnx-streaming" else {})}
            for int8 in (False, True):
                folder = Path(scratch) / f"{kind}{int8}"
                options = ExportOptions.model_validate({**asked, "int8": int8, "max_changed": 1.0})
                export_bundle(bundle, folder, options, arguments.test_audio)
                size = sum(path.stat().st_size for path in folder.glob("*.onnx")) / 1e6
                precision = "ONNX int8" if int8 else "ONNX"
                yield f"{precision}, {name}", load_exported(folder), None, size


def measure(
    name: str,
    bundle: Bundle,
    chunking: Chunking | None,
    size: float,
    arguments: argparse.Namespace,
) -> list[list[str]]:
    """Return a row of the table for each method."""
    cuts = list(load_cuts(arguments.cuts))
    recognizers = [Recognizer(bundle, method, chunking=chunking) for method in METHODS]
    features = [load_finite_features(cut, recognizers[0].extractor) for cut in cuts]
    seconds = sum(cut.duration for cut in cuts)
    encoded, encoding = fastest(
        lambda: [recognizers[0].encode([one]) for one in features], arguments.runs
    )
    rows = []
    for recognizer in recognizers:
        texts, search = fastest(
            lambda recognizer=recognizer: [
                recognizer.decode_encodings(*one)[0][0].text for one in encoded
            ],
            arguments.runs,
        )
        counts = count_errors(
            pair
            for cut, text in zip(cuts, texts, strict=True)
            for pair in align(
                tokenise(bundle.tokenizer.canonical(cut_text(cut)), "word"), tokenise(text, "word")
            )
        )
        errors, words = counts.errors, counts.reference_tokens
        times = [f"{encoding / seconds:.4f}", f"{(encoding + search) / seconds:.4f}"]
        rate = f"{100 * errors / words:.2f}"
        rows.append([name, recognizer.method, f"{size:.1f}", rate, f"{errors} / {words}", *times])
        print(*rows[-1], flush=True)
    return rows


def fastest(work: Callable[[], list[T]], runs: int) -> tuple[list[T], float]:
    """Return what the work gives, and the processor seconds of the fastest run."""
    best, results = float("inf"), []
    for _ in range(runs):
        start = time.process_time()
        results = work()
        best = min(best, time.process_time() - start)
    return results, best


def render(rows: list[list[str]], arguments: argparse.Namespace) -> str:
    """Return the page."""
    columns = {
        "system": "left", "method": "left", "MB": "right", "WER %": "right",
        "errors / words": "right", "RTF of encoding": "right", "RTF": "right",
    }  # fmt: skip
    return "\n".join(
        [
            "# Exported models",
            "",
            "Written by `python benchmarks/export.py`, which says how; what is typed "
            f"here is overwritten. {machine()}, torch {torch.__version__}, one thread, "
            f"the fastest of {arguments.runs} run(s); "
            f"{len(list(load_cuts(arguments.cuts)))} utterances; chunks of {arguments.chunk_size} "
            f"encoder frames, {arguments.left_chunks} before them. In chunks a model has "
            "the errors of its training: one that was trained on whole utterances only has many.",
            "",
            markdown_table(columns, rows),
        ]
    )


if __name__ == "__main__":
    main()
