"""Speed of the CTC prefix beam beside flashlight's and Kaldi's decoders, and its memory.

All decode the same log-probabilities on one thread with a beam of 10; times are of the processor
and the fastest of several runs counts. The log-probabilities are synthetic, with labels planted in
them, so that V is free and errors can be counted:

- peaked: 70 % of the frames are silent: their blank gets a logit of 16, 2 in 10 of them only 10.
  The others are the planted labels, 1 or 2 frames each: the label gets 13, one other
  label between 7 and 12, blank 10 or 4. All logits have normal noise of deviation 1.
- flat: normal logits of deviation 2, as of a model that knows nothing; no labels.

flashlight runs without a lexicon or a language model, as torchaudio sets it up (all symbols tried
in every frame) and with as many symbols as the prefix beam tries. Kaldi's decoder searches for the
best path of a CTC topology with one state a label, which needs no blank between equal labels; the
full one has a quarter of a million arcs at V = 500, and 17 million at V = 4,200. Memory is what one
process held at most beyond what it held before, fed with 4 s at a time.

The tables go to benchmarks/decoding.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import kaldi_decoder
import kaldifst
import torch
from kaldialign import edit_distance
from processes import machine, peak_memory
from torch import Tensor
from torchaudio.models.decoder import ctc_decoder

from asr.config.decoding import DecodingOptions
from asr.decoding.searches.prefix_beam import PrefixBeamSearch, ctc_prefix_beam_search

BATCH, BEAM, FRAMES = 16, 10, 250
VOCABULARIES = (500, 4_200)
SECONDS = (10, 60, 600, 3_600)
FRAMES_PER_SECOND = 25
PIECE = 4 * FRAMES_PER_SECOND
COUNTED = 2  # utterances of which errors are counted, and that the slowest decoder takes
BLANK, SILENCE = 0, 1
SKIP = DecodingOptions().blank_skip
Best = list[list[int]]  # labels of each utterance


@dataclass(frozen=True)
class Input:
    """Log-probabilities (B, T, V), and the labels planted in them."""

    name: str
    log_probs: Tensor
    planted: Best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="the fastest one counts")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    parser.add_argument("--memory", type=int, metavar="SECONDS")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.memory:
        print(json.dumps(measure_memory(options.memory)))
        return
    text = render(speeds(options.repeats), memories())
    options.output.write_text(text, encoding="utf-8")
    print(text)


# ---- what is decoded ----


def inputs(vocab_size: int) -> Iterator[Input]:
    generator = torch.Generator().manual_seed(vocab_size)
    yield peaked(vocab_size, BATCH, FRAMES, generator)
    noise = 2 * torch.randn(BATCH, FRAMES, vocab_size, generator=generator)
    yield Input("flat", noise.log_softmax(dim=-1), [])


def peaked(vocab_size: int, batch_size: int, frames: int, generator: torch.Generator) -> Input:
    """See the top of the file."""
    logits = torch.randn(batch_size, frames, vocab_size, generator=generator)

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high, (1,), generator=generator))

    planted: Best = [[] for _ in range(batch_size)]
    for row in range(batch_size):
        frame = draw(1, 5)
        while frame < frames - 1:
            label = draw(SILENCE + 1, vocab_size)
            spoken = slice(frame, frame + draw(1, 3))
            logits[row, spoken, label] += 13.0
            logits[row, spoken, draw(SILENCE + 1, vocab_size)] += float(draw(7, 13))
            logits[row, spoken, BLANK] -= 6.0
            planted[row].append(label)
            frame = spoken.stop + draw(1, 7)
        weak = torch.rand(frames, generator=generator) < 0.2
        logits[row, :, BLANK] += 16.0 - 6.0 * weak
    return Input("peaked", logits.log_softmax(dim=-1), planted)


# ---- decoders: each is prepared for a vocabulary and takes log-probabilities (B, T, V) ----


def prefix_beam(blank_skip: float) -> Callable[[int], Callable[[Tensor], Best]]:
    def prepare(vocab_size: int) -> Callable[[Tensor], Best]:
        def decode(log_probs: Tensor) -> Best:
            lengths = torch.full((log_probs.size(0),), log_probs.size(1))
            found = ctc_prefix_beam_search(log_probs, lengths, BEAM, blank_skip=blank_skip)
            return [paths[0].tokens for paths in found]

        return decode

    return prepare


def flashlight(tokens_tried: int | None) -> Callable[[int], Callable[[Tensor], Best]]:
    def prepare(vocab_size: int) -> Callable[[Tensor], Best]:
        decoder = ctc_decoder(
            lexicon=None,
            tokens=["-", "|", *(str(label) for label in range(2, vocab_size))],
            beam_size=BEAM,
            beam_size_token=tokens_tried,
            log_add=True,
        )
        return lambda log_probs: [paths[0].tokens.tolist()[1:-1] for paths in decoder(log_probs)]

    return prepare


def kaldi(vocab_size: int) -> Callable[[Tensor], Best]:
    graph = kaldifst.StdVectorFst()
    graph.start = graph.add_state()
    graph.set_final(graph.start, 0.0)

    def arc(state: int, symbol: int, label: int, to: int) -> None:
        graph.add_arc(state, kaldifst.StdArc(symbol + 1, label, 0.0, to))

    arc(graph.start, BLANK, 0, graph.start)
    for label in range(1, vocab_size):
        state = graph.add_state()
        graph.set_final(state, 0.0)
        arc(graph.start, label, label, state)
        arc(state, label, 0, state)
        # Costs next to nothing, so that a label of several frames is not several labels.
        graph.add_arc(state, kaldifst.StdArc(0, 0, 0.01, graph.start))

    def decode(log_probs: Tensor) -> Best:
        found = []
        for scores in log_probs:
            options = kaldi_decoder.FasterDecoderOptions(beam=10.0, max_active=1000)
            decoder = kaldi_decoder.FasterDecoder(graph, options)
            decoder.decode(kaldi_decoder.DecodableCtc(scores.numpy()))
            _, best = decoder.get_best_path()
            found.append(list(kaldifst.get_linear_symbol_sequence(best)[2]))
        return found

    return decode


# Name, how it is prepared, and how many of the utterances it is timed on.
DECODERS = {
    f"prefix beam, blank_skip {SKIP} (default)": (prefix_beam(SKIP), BATCH),
    "prefix beam, no frame left out": (prefix_beam(1.0), BATCH),
    f"flashlight, {BEAM + 1} symbols a frame": (flashlight(BEAM + 1), COUNTED),
    "flashlight, all symbols": (flashlight(None), COUNTED),
    "kaldi-decoder, FasterDecoder, beam 10, max_active 1000": (kaldi, BATCH),
}


@dataclass(frozen=True)
class Speed:
    """A row of the table; `errors` in per cent of the planted labels, where there are any."""

    vocab_size: int
    input: str
    decoder: str
    frames_per_second: float
    errors: float | None


def speeds(repeats: int) -> list[Speed]:
    found = []
    for vocab_size in VOCABULARIES:
        for data in inputs(vocab_size):
            for name, (prepare, utterances) in DECODERS.items():
                log_probs = data.log_probs[:utterances]
                decode = prepare(vocab_size)
                best, seconds = decode(log_probs[:, :20].contiguous()), []
                for _ in range(repeats):
                    start = time.process_time()
                    best = decode(log_probs)
                    seconds.append(time.process_time() - start)
                rate = utterances * FRAMES / min(seconds)
                errors = error_rate(data.planted[:COUNTED], best[:COUNTED])
                found.append(Speed(vocab_size, data.name, name, rate, errors))
                print(found[-1], file=sys.stderr)
    return found


def error_rate(planted: Best, found: Best) -> float | None:
    if not planted:
        return None
    errors = sum(edit_distance(*pair)["total"] for pair in zip(planted, found, strict=True))
    return 100.0 * errors / sum(map(len, planted))


# ---- memory ----


def memories() -> dict[int, dict[str, float]]:
    """Measure every length in a process of its own."""
    found = {}
    for seconds in SECONDS:
        command = [sys.executable, __file__, "--memory", str(seconds)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[seconds] = json.loads(done.stdout.splitlines()[-1])
        print(seconds, found[seconds], file=sys.stderr)
    return found


def measure_memory(seconds: int) -> dict[str, float]:
    """Search a batch of `seconds` a piece at a time, no frame left out."""
    data = peaked(VOCABULARIES[0], BATCH, 30 * FRAMES_PER_SECOND, torch.Generator().manual_seed(0))
    pieces = data.log_probs.split(PIECE, dim=1)
    frames = seconds * FRAMES_PER_SECOND

    def search(frames: int) -> PrefixBeamSearch:
        running = PrefixBeamSearch(BATCH, BEAM)
        for start in range(0, frames, PIECE):
            piece = pieces[start // PIECE % len(pieces)][:, : frames - start]
            running.advance(piece, torch.full((BATCH,), piece.size(1)))
        return running

    search(PIECE * len(pieces))
    with peak_memory() as peak:
        start = time.process_time()
        running = search(frames)
        rate = BATCH * frames / (time.process_time() - start)
        held = peak()
    labels = sum(len(paths[0].tokens) for paths in running.best(1))
    return {"bytes": held, "labels": labels, "frames_per_second": rate}


def render(rows: list[Speed], memory: dict[int, dict[str, float]]) -> str:
    """Lay out both tables."""
    reference = {
        (row.vocab_size, row.input): row.frames_per_second
        for row in rows
        if row.decoder == "flashlight, all symbols"
    }
    lines = [
        "# Decoding",
        "",
        "Written by `python benchmarks/decoding.py`, which says what the inputs are; what is typed "
        f"here is overwritten. {machine()}, torch {torch.__version__}, one thread; beam {BEAM}, "
        f"batches of {BATCH} utterances of {FRAMES} frames, errors of the first {COUNTED}.",
        "",
        "| V | input | decoder | frames/s | × flashlight, all symbols | label errors % |",
        "|---:|---|---|---:|---:|---:|",
    ]
    for row in rows:
        times = row.frames_per_second / reference[row.vocab_size, row.input]
        errors = "" if row.errors is None else f"{row.errors:.1f}"
        lines.append(
            f"| {row.vocab_size:,} | {row.input} | {row.decoder} | {row.frames_per_second:,.0f}"
            f" | {times:.1f} | {errors} |"
        )
    lines += [
        "",
        f"Memory of the search itself, {BATCH} utterances at once, V = {VOCABULARIES[0]}, "
        f"{FRAMES_PER_SECOND} frames/s, peaked, no frame left out:",
        "",
        "| length of each utterance | labels of all | peak MB | frames/s |",
        "|---|---:|---:|---:|",
    ]
    for seconds, cost in memory.items():
        lines.append(
            f"| {seconds:,} s | {cost['labels']:,.0f} | {cost['bytes'] / 1e6:.1f}"
            f" | {cost['frames_per_second']:,.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
