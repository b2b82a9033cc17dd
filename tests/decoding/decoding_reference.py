"""Slow and plain references for the decoding tests, and a tiny model to decode with."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from asr.decoding.fusion import LabelScorer
from asr.decoding.hypothesis import TokenPath

BLANK, SOS_EOS = 0, 1
Labels = tuple[int, ...]


def collapse(alignment: Labels) -> Labels:
    """Merge repeats, then remove blanks."""
    return tuple(symbol for symbol, _ in itertools.groupby(alignment) if symbol != BLANK)


def log_add(*values: float) -> float:
    top = max(values)
    if top == -math.inf:
        return top
    return top + math.log(sum(math.exp(value - top) for value in values))


def alignments(log_probs: Tensor) -> list[tuple[Labels, float]]:
    """Every alignment of log_probs (T, V) with its log-probability."""
    rows = log_probs.double().tolist()
    symbols = range(log_probs.size(1))
    return [
        (alignment, sum(row[symbol] for row, symbol in zip(rows, alignment, strict=True)))
        for alignment in itertools.product(symbols, repeat=len(rows))
    ]


def ctc_scores(log_probs: Tensor, never: Labels = (SOS_EOS,)) -> dict[Labels, float]:
    """Log-probability of every sequence without `never` under log_probs (T, V), by enumeration."""
    scores: dict[Labels, list[float]] = defaultdict(list)
    for alignment, score in alignments(log_probs):
        if not set(never) & set(alignment):
            scores[collapse(alignment)].append(score)
    return {labels: log_add(*parts) for labels, parts in scores.items()}


def label_starts(alignment: Labels) -> list[int]:
    """First frame of each label of an alignment."""
    previous = (BLANK, *alignment[:-1])
    return [
        frame
        for frame, (symbol, before) in enumerate(zip(alignment, previous, strict=True))
        if symbol not in (BLANK, before)
    ]


@dataclass
class PrefixBeam:
    """Hannun et al. 2014, algorithm 1, with a dictionary and the whole vocabulary.

    `gain` is what the labels of a prefix gain beside CTC, `end_gain` what they gain in all;
    only the best `candidates` extend a prefix to one that is not in the beam, and frames whose
    blank is more probable than `blank_skip` hold blank alone.
    """

    beam_size: int
    gain: Callable[[Labels], float] = lambda labels: 0.0
    end_gain: Callable[[Labels], float] = lambda labels: 0.0
    candidates: int | None = None
    blank_skip: float = 1.0
    best: list[tuple[Labels, float]] = field(default_factory=list)
    reunions: int = 0  # a prefix came back while a descendant was in the beam

    def search(self, log_probs: Tensor) -> PrefixBeam:
        beam: dict[Labels, tuple[float, float]] = {(): (0.0, -math.inf)}
        seen: set[Labels] = {()}
        for row in log_probs.double().tolist():
            following = self._advance(beam, row)
            for prefix in following.keys() - beam.keys() & seen:
                self.reunions += any(
                    other[: len(prefix)] == prefix and other != prefix for other in following
                )
            seen |= following.keys()
            beam = following
        ended = [
            (prefix, log_add(*parts) + self.end_gain(prefix)) for prefix, parts in beam.items()
        ]
        self.best = sorted(ended, key=lambda item: item[1], reverse=True)
        return self

    def _advance(
        self, beam: dict[Labels, tuple[float, float]], row: list[float]
    ) -> dict[Labels, tuple[float, float]]:
        if math.exp(row[BLANK]) > self.blank_skip:
            return {prefix: (log_add(*p) + row[BLANK], -math.inf) for prefix, p in beam.items()}
        grown: dict[Labels, list[float]] = defaultdict(lambda: [-math.inf, -math.inf])
        tried = sorted(range(len(row)), key=lambda symbol: -row[symbol])[: self.candidates]
        for prefix, (blank, label) in beam.items():
            either = log_add(blank, label)
            grown[prefix][0] = log_add(grown[prefix][0], either + row[BLANK])
            for symbol, score in enumerate(row):
                if symbol in (BLANK, SOS_EOS):
                    continue
                longer = (*prefix, symbol)
                leaving = either
                if prefix and prefix[-1] == symbol:
                    grown[prefix][1] = log_add(grown[prefix][1], label + score)
                    leaving = blank
                if symbol in tried or longer in beam:
                    grown[longer][1] = log_add(grown[longer][1], leaving + score)
        alive = [item for item in grown.items() if log_add(*item[1]) > -math.inf]
        alive.sort(key=lambda item: log_add(*item[1]) + self.gain(item[0]), reverse=True)
        return {prefix: (parts[0], parts[1]) for prefix, parts in alive[: self.beam_size]}


def random_log_probs(*shape: int, seed: int, sharpness: float = 1.0) -> Tensor:
    """Random log-softmax scores in double precision; `sharpness` makes them peaky."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(*shape, generator=generator, dtype=torch.double)
    return (logits * sharpness).log_softmax(dim=-1)


def assert_same_paths(ours: list[TokenPath], theirs: list[TokenPath]) -> None:
    """The same tokens in the same order, and scores but for rounding."""
    assert [path.tokens for path in ours] == [path.tokens for path in theirs]
    assert [p.score for p in ours] == pytest.approx([p.score for p in theirs], abs=1e-6)
    assert [p.fused for p in ours] == pytest.approx([p.fused for p in theirs], abs=1e-6)


class TinyDecoder:
    """A random recurrent decoder with the interface of the real one.

    Its context is the mean of the encodings that are real, so that padding must not matter. What it
    attends to has no part in what it predicts.
    """

    def __init__(self, vocab_size: int, size: int, seed: int, eos_bias: float = 0.0) -> None:
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator)

        self.embedding = draw(vocab_size, size)
        self.recurrent = draw(size, size)
        self.output = draw(size, vocab_size)
        self.bias = torch.zeros(vocab_size)
        self.bias[SOS_EOS] = eos_bias
        self.steps = 0

    def initial_state(self, encodings: Tensor, encoding_lengths: Tensor) -> tuple[Tensor, ...]:
        real = torch.arange(encodings.size(1)) < encoding_lengths[:, None]
        encodings = encodings.masked_fill(~real[:, :, None], 0.0)
        context = encodings.sum(1) / encoding_lengths[:, None]
        return context, torch.zeros_like(context), encodings, real

    def step(self, tokens: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        self.steps += 1
        context, hidden, *memory = state
        hidden = torch.tanh(hidden @ self.recurrent + self.embedding[tokens] + context)
        return (hidden @ self.output + self.bias).log_softmax(-1), (context, hidden, *memory)

    def step_with_attention(
        self, tokens: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        log_probs, state = self.step(tokens, state)
        _, hidden, encodings, real = state
        scores = (encodings @ hidden[:, :, None])[:, :, 0].masked_fill(~real, -torch.inf)
        return log_probs, scores.softmax(-1), state

    def select(self, state: tuple[Tensor, ...], indices: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensor[indices] for tensor in state)

    def __call__(self, encodings: Tensor, encoding_lengths: Tensor, tokens: Tensor) -> Tensor:
        state = self.initial_state(encodings, encoding_lengths)
        outputs = []
        for column in tokens.unbind(1):
            log_probs, state = self.step(column, state)
            outputs.append(log_probs)
        return torch.stack(outputs, dim=1) + 3.0  # logits are free up to a constant

    def score(self, encodings: Tensor, labels: Labels) -> float:
        """Log-probability of labels and eos given encodings (T', D), one label at a time."""
        state = self.initial_state(encodings[None], torch.tensor([len(encodings)]))
        total, last = 0.0, SOS_EOS
        for label in (*labels, SOS_EOS):
            log_probs, state = self.step(torch.tensor([last]), state)
            total += float(log_probs[0, label])
            last = label
        return total

    def covered(self, encodings: Tensor, labels: Labels, threshold: float) -> int:
        """Frames of encodings (T', D) attended to by more than `threshold` up to eos."""
        state = self.initial_state(encodings[None], torch.tensor([len(encodings)]))
        attended = torch.zeros(1, len(encodings))
        for label in (SOS_EOS, *labels):
            _, weights, state = self.step_with_attention(torch.tensor([label]), state)
            attended += weights
        return int((attended > threshold).sum())


class TinyModel:
    """A linear CTC head and, unless told otherwise, a `TinyDecoder`."""

    def __init__(
        self, vocab_size: int = 5, size: int = 4, seed: int = 0, with_decoder: bool = True
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.head = 2.0 * torch.randn(size, vocab_size, generator=generator)
        self.decoder = TinyDecoder(vocab_size, size, seed) if with_decoder else None

    def ctc_log_probs(self, encodings: Tensor) -> Tensor:
        return (encodings @ self.head).log_softmax(-1)


def random_encodings(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class FailingScorer:
    """A `LabelScorer` that raises when it has been asked so many times.

    Attributes:
        calls_left: before it raises, once; None: it never does.
    """

    def __init__(self, scorer: LabelScorer) -> None:
        self._scorer = scorer
        self.calls_left: int | None = None

    def initial_state(self, num_hypotheses: int, device: torch.device) -> Any:
        self._count()
        return self._scorer.initial_state(num_hypotheses, device)

    def gains(self, state: Any, candidates: Tensor | None) -> Tensor:
        self._count()
        return self._scorer.gains(state, candidates)

    def final_gains(self, state: Any) -> Tensor:
        self._count()
        return self._scorer.final_gains(state)

    def advance(self, state: Any, rows: Tensor, labels: Tensor) -> Any:
        self._count()
        return self._scorer.advance(state, rows, labels)

    def _count(self) -> None:
        if self.calls_left is None:
            return
        self.calls_left -= 1
        if self.calls_left < 0:
            self.calls_left = None
            raise ValueError("planted")


class BigramScorer:
    """Random natural-log gains for a label given the one before; a `LabelScorer`."""

    def __init__(self, vocab_size: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        table = torch.randn(vocab_size, vocab_size, generator=generator)
        self.table = table.log_softmax(-1)  # row: the label before, SOS_EOS at the start

    def initial_state(self, num_hypotheses: int, device: torch.device) -> Tensor:
        return torch.full((num_hypotheses,), SOS_EOS, device=device)

    def gains(self, state: Tensor, candidates: Tensor | None) -> Tensor:
        rows = self.table[state]
        return rows if candidates is None else rows.gather(1, candidates)

    def final_gains(self, state: Tensor) -> Tensor:
        return self.table[state, SOS_EOS]

    def advance(self, state: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
        return torch.where(labels < 0, state[rows], labels)

    def score(self, labels: Labels) -> float:
        """What labels and their end gain in all."""
        return self.score_open((*labels, SOS_EOS))

    def score_open(self, labels: Labels) -> float:
        """What labels gain without their end."""
        return sum(float(self.table[pair]) for pair in itertools.pairwise((SOS_EOS, *labels)))
