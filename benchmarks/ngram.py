"""What n-gram models cost, in CPU seconds of one thread: `python benchmarks/ngram.py`.

Reading an ARPA file of random n-grams, and scoring labels with it: 160 hypotheses, as 16 utterances
with a beam of 10 have, with 11 candidates each or with the whole vocabulary. The table goes to
benchmarks/ngram.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from processes import machine

from asr.config.tokenizer import CharTokenizerParams
from asr.lm.ngram import ngram_scorer
from asr.ngrams.arpa import read_arpa, write_arpa
from asr.ngrams.model import BEGIN, END, ModelBuilder, NgramModel
from asr.text.tokenizers import CharTokenizer

HYPOTHESES, CANDIDATES, STEPS = 160, 11, 50
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ngrams", type=int, default=3_000_000, help="in the larger file")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    characters = [chr(0x4E00 + i) for i in range(4200)]
    words = random_words(200_000)
    rows = [
        *measure("model of tokens (V = 4,200)", characters, options.ngrams),
        *measure("model of words (200,000), spelled in 27 characters", words, options.ngrams),
    ]
    page = render(rows)
    options.output.write_text(page, encoding="utf-8")
    print(page)


def render(rows: list[tuple[str, str]]) -> str:
    lines = [
        "# N-gram models",
        "",
        "Written by `python benchmarks/ngram.py`; what is typed here is overwritten. CPU seconds "
        f"of one thread: {machine()}, torch {torch.__version__}. {HYPOTHESES} hypotheses are 16 "
        "utterances with a beam of 10; both models have order 3 and random n-grams, which no cache "
        "can help.",
        "",
        "| what | figure |",
        "|---|---|",
        *(f"| {what} | {figure} |" for what, figure in rows),
    ]
    return "\n".join(lines) + "\n"


def measure(name: str, words: list[str], size: int) -> Iterator[tuple[str, str]]:
    """Yield the rows of one model."""
    tokenizer = CharTokenizer.train([" ".join(words)], CharTokenizerParams())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.arpa"
        write_arpa(random_model(words, size), path)
        megabytes = path.stat().st_size / 1e6
        seconds, model = timed(lambda: read_arpa(path))
    counts = " + ".join(f"{count:,}" for count in model.counts)
    yield f"{name}: reading {counts} n-grams, {megabytes:.0f} MB", f"{seconds:.1f} s"
    device = torch.device("cpu")
    seconds, scorer = timed(lambda: ngram_scorer(model, tokenizer, device, "random"))
    yield f"{name}: tensors of it", f"{seconds:.1f} s"

    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(HYPOTHESES)
    state = scorer.initial_state(HYPOTHESES, device)
    spent = {"gains, 11 candidates": 0.0, "gains, all labels": 0.0, "advance": 0.0}
    for _ in range(STEPS):
        size_of_draw = (HYPOTHESES, CANDIDATES)
        chosen = torch.randint(3, tokenizer.vocab_size, size_of_draw, generator=generator)
        steps = {
            "gains, 11 candidates": partial(scorer.gains, state, chosen),
            "gains, all labels": partial(scorer.gains, state, None),
            "advance": partial(scorer.advance, state, rows, chosen[:, 0]),
        }
        for step, work in steps.items():
            seconds, result = timed(work)
            spent[step] += seconds
        state = result
    for step, seconds in spent.items():
        yield f"{name}: {step}, {HYPOTHESES} hypotheses", f"{1e3 * seconds / STEPS:.2f} ms"


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of `work`, and what it gives."""
    before = time.process_time()
    result = work()
    return time.process_time() - before, result


def random_words(count: int) -> list[str]:
    """Return distinct words of three to ten letters."""
    rng = np.random.default_rng(0)
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(rng.choice(list(LETTERS), rng.integers(3, 11)))] = None
    return list(words)


def random_model(words: list[str], size: int) -> NgramModel:
    """Return a model of order 3: a third of `size` bigrams, the rest trigrams."""
    rng = np.random.default_rng(1)
    vocabulary = [BEGIN, END, *words]
    ids = np.arange(len(vocabulary))
    builder = ModelBuilder(vocabulary, draw_logs(rng, len(ids)), draw_logs(rng, len(ids)))
    bigrams = np.unique(rng.integers(2, len(ids), (size // 3, 2)), axis=0)
    builder.add_order(bigrams, draw_logs(rng, len(bigrams)), draw_logs(rng, len(bigrams)))
    context = bigrams[rng.integers(0, len(bigrams), 2 * size // 3)]
    last = rng.integers(2, len(ids), (len(context), 1))
    trigrams = np.unique(np.concatenate([context, last], axis=1), axis=0)
    none = np.zeros(len(trigrams))
    builder.add_order(trigrams, draw_logs(rng, len(trigrams)), none)
    return builder.model


def draw_logs(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return natural logarithms as an ARPA file might hold them."""
    return -rng.uniform(0.1, 12, count)


if __name__ == "__main__":
    main()
