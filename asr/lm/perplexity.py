"""How well an n-gram model foretells a text."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch

from asr.lm.automaton import Automaton
from asr.lm.text import UnitText
from asr.ngrams.model import NgramModel

_SENTENCES_AT_ONCE = 4096
_MOST_FREQUENT_UNKNOWN = 10


@dataclass
class PerplexityReport:
    """Counts and natural log-probabilities over a text.

    Attributes:
        sentences, units: of the text; ends of sentences are foretold too, but are no units.
        words: what white space separates in the text, which makes models of different units
            comparable.
        unknown: units that the model has not, with their counts.
        log_prob: of all units and ends.
        log_prob_of_unknown: the part of it that unknown units have.
        by_order: how many units and ends an n-gram of each order foretold.
    """

    sentences: int = 0
    units: int = 0
    words: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    log_prob: float = 0.0
    log_prob_of_unknown: float = 0.0
    by_order: Counter[int] = field(default_factory=Counter)

    @property
    def perplexity(self) -> float:
        """Of a unit or end, unknown units as the model scores them."""
        return _perplexity(self.log_prob, self.units + self.sentences)

    @property
    def perplexity_without_unknown(self) -> float:
        """Of a unit or end, unknown units left out."""
        known = self.units + self.sentences - self.unknown.total()
        return _perplexity(self.log_prob - self.log_prob_of_unknown, known)

    @property
    def perplexity_by_word(self) -> float:
        """Of a word or end, whatever the model's units are."""
        return _perplexity(self.log_prob, self.words + self.sentences)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data for a JSON file."""
        return {
            "sentences": self.sentences,
            "units": self.units,
            "words": self.words,
            "unknown_units": self.unknown.total(),
            "unknown": dict(self.unknown.most_common(_MOST_FREQUENT_UNKNOWN)),
            "log_prob": self.log_prob,
            "log_prob_of_unknown": self.log_prob_of_unknown,
            "perplexity": self.perplexity,
            "perplexity_without_unknown": self.perplexity_without_unknown,
            "perplexity_by_word": self.perplexity_by_word,
            "by_order": {str(order): n for order, n in sorted(self.by_order.items())},
        }

    def lines(self, unit: str) -> list[str]:
        """Return the report as lines of text."""
        unknown = self.unknown.total()
        share = 100 * unknown / max(self.units, 1)
        shown = ", ".join(word for word, _ in self.unknown.most_common(_MOST_FREQUENT_UNKNOWN))
        often = f", most often {shown}" if unknown else ""
        predicted = self.units + self.sentences
        orders = ", ".join(
            f"{order}-grams {100 * n / predicted:.1f} %"
            for order, n in sorted(self.by_order.items(), reverse=True)
        )
        lines = [
            f"{self.sentences} sentences, {self.units} {unit}s",
            f"unknown: {unknown} ({share:.2f} %){often}",
            f"perplexity: {self.perplexity:.2f} a {unit},"
            f" {self.perplexity_without_unknown:.2f} without the unknown ones",
        ]
        if unit != "word":
            lines.append(f"perplexity of a word: {self.perplexity_by_word:.2f}")
        return [*lines, f"foretold by {orders}"]


def measure_perplexity(model: NgramModel, text: UnitText) -> PerplexityReport:
    """Score the sentences of `text`, each with its end.

    Raises:
        UserError: see `UnitText.sentences`.
    """
    automaton = Automaton(model, torch.device("cpu"), torch.float64)
    report = PerplexityReport()
    sentences = text.sentences("scoring")
    while batch := list(islice(sentences, _SENTENCES_AT_ONCE)):
        report.sentences += len(batch)
        report.units += sum(len(sentence.units) for sentence in batch)
        report.words += sum(sentence.words for sentence in batch)
        _score_batch(report, automaton, model.word_ids, [sentence.units for sentence in batch])
    return report


def _score_batch(
    report: PerplexityReport, automaton: Automaton, ids: dict[str, int], batch: list[list[str]]
) -> None:
    batch = sorted(batch, key=len, reverse=True)  # those still going are the first rows
    unknown = automaton.unknown
    for units in batch:
        report.unknown.update(unit for unit in units if ids.get(unit, unknown) == unknown)
    state = torch.full((len(batch),), automaton.start)
    for position in range(len(batch[0]) + 1):
        words = [
            ids.get(units[position], unknown) if position < len(units) else automaton.end
            for units in batch
            if len(units) >= position
        ]
        word = torch.tensor(words)
        arcs = automaton.follow(state[: len(words)], word)
        state = arcs.next
        report.log_prob += float(arcs.log_prob.sum())
        report.log_prob_of_unknown += float(arcs.log_prob[word == unknown].sum())
        report.by_order.update(arcs.order.tolist())


def _perplexity(log_prob: float, count: int) -> float:
    return math.exp(-log_prob / count) if count else math.nan
