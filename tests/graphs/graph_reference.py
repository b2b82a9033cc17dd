"""Graphs by enumeration: what a decoding graph must accept, and what it must cost."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asr.config.decoding import DecodingOptions
from asr.config.tokenizer import TOKENIZERS
from asr.decoding.base import SearchRequest
from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.wfst import decode_utterance
from asr.graphs.build import GraphRequest, build_graph
from asr.graphs.folder import DecodingGraph, load_graph
from asr.text.symbols import SPECIAL_TOKENS
from asr.text.tokenizers import Tokenizer, train_tokenizer

BLANK = 0
LOG10 = math.log(10.0)
# Wide enough for nothing to be pruned.
EVERYTHING: dict[str, Any] = {"graph_beam": 1000.0, "lattice_beam": 1000.0, "max_active": 1_000_000}

Ngrams = dict[tuple[str, ...], tuple[float, float]]  # log10 probability, log10 back-off


def make_tokenizer(
    folder: Path, texts: Sequence[str], name: str = "CharTokenizer", **params: Any
) -> Tokenizer[Any]:
    tokenizer = train_tokenizer(name, TOKENIZERS[name](**params), texts)
    tokenizer.save(folder / "tokenizer")
    return tokenizer


def make_graph(folder: Path, tokenizer: Tokenizer[Any], **given: Any) -> DecodingGraph:
    build_graph(GraphRequest(tokenizer=folder / "tokenizer", output_dir=folder / "graph", **given))
    return load_graph(folder / "graph", tokenizer)


def write_arpa(path: Path, ngrams: Ngrams) -> Path:
    order = max(map(len, ngrams))
    lines = ["\\data\\"]
    by_order = {n: [gram for gram in ngrams if len(gram) == n] for n in range(1, order + 1)}
    lines += [f"ngram {n}={len(grams)}" for n, grams in by_order.items()]
    for n, grams in by_order.items():
        lines += ["", f"\\{n}-grams:"]
        for gram in grams:
            probability, backoff = ngrams[gram]
            ending = f"\t{backoff:.6f}" if n < order else ""
            lines.append(f"{probability:.6f}\t{' '.join(gram)}{ending}")
    path.write_text("\n".join([*lines, "", "\\end\\", ""]), encoding="utf-8")
    return path


def random_bigrams(words: Sequence[str], seed: int) -> Ngrams:
    """Every unigram, half of the bigrams; backing off never beats a bigram that is there."""
    random = np.random.default_rng(seed)
    ngrams: Ngrams = {("<s>",): (-99.0, -0.3), ("</s>",): (-random.uniform(0.8, 1.5), 0.0)}
    for word in words:
        ngrams[word,] = (-random.uniform(0.8, 1.5), -random.uniform(0.1, 0.5))
    for pair in itertools.product(["<s>", *words], [*words, "</s>"]):
        if random.random() < 0.5:
            ngrams[pair] = (-random.uniform(0.1, 0.7), 0.0)
    return ngrams


def lm_score(ngrams: Ngrams, words: Sequence[str]) -> float:
    """Natural logarithm of a sentence's probability under bigrams with back-off."""
    total, before = 0.0, "<s>"
    for word in [*words, "</s>"]:
        if (before, word) in ngrams:
            total += ngrams[before, word][0]
        else:
            total += ngrams[before,][1] + ngrams[word,][0]
        before = word
    return LOG10 * total


def best_alignments(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """The best CTC alignment's score of every token sequence, by going through all alignments."""
    best: dict[tuple[int, ...], float] = {}
    usable = [BLANK, *range(len(SPECIAL_TOKENS), log_probs.shape[1])]
    for alignment in itertools.product(usable, repeat=len(log_probs)):
        tokens = tuple(symbol for symbol, _ in itertools.groupby(alignment) if symbol != BLANK)
        score = float(log_probs[range(len(alignment)), alignment].sum())
        best[tokens] = max(best.get(tokens, -math.inf), score)
    return best


def random_scores(frames: int, vocab_size: int, seed: int) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(frames, vocab_size)) * 2.0
    logits[:, 1:3] = -30.0
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def decode_with(graph: DecodingGraph, log_probs: np.ndarray, **options: Any) -> list[TokenPath]:
    request = SearchRequest(DecodingOptions(**{"beam_size": 50, **options}), graph=graph)
    return decode_utterance(log_probs, request, torch.device("cpu"))


def assert_same(found: Sequence[TokenPath], expected: dict[str, float]) -> None:
    """Hold an n-best list equal to the best of all word sequences, scores within 1e-4."""
    ranked = sorted(expected.items(), key=lambda item: item[1], reverse=True)[: len(found)]
    assert [path.text for path in found] == [text for text, _ in ranked]
    assert [path.score for path in found] == pytest.approx([s for _, s in ranked], abs=1e-4)


def spoil(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
