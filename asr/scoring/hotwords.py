"""Error rates on hotwords and on everything else, and how many hotwords are found.

The rules are those of Le et al. 2021, "Contextualized streaming end-to-end speech recognition with
trie-based deep biasing and shallow fusion", carried over from single words to phrases:

- a reference token counts for the biased rate (B-WER) when it lies in an occurrence of a phrase in
  the reference, for the unbiased rate (U-WER) otherwise; so do its substitution and its deletion;
- an inserted token counts for the biased rate when it lies in an occurrence of a phrase in the
  hypothesis, for the unbiased rate otherwise.

Every error and every reference token therefore counts in exactly one of the two. A phrase occurs
where its tokens stand in a row, in the unit that is scored: in words `new york` is two of them; in
characters white space is dropped on both sides and a phrase is found inside words as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asr.config.tokenizer import NormaliserName
from asr.errors import UserError
from asr.scoring.alignment import ErrorCounts, Pair, Unit, count_errors, tokenise
from asr.scoring.corpus import CorpusScore
from asr.scoring.significance import Interval, bootstrap_interval
from asr.text.hotwords import Hotword
from asr.text.normalise import TextNormaliser

Phrase = tuple[str, ...]


@dataclass(frozen=True)
class Detection:
    """How many occurrences of hotwords are recognised; counts add up with `+`.

    Attributes:
        reference: occurrences in the references.
        hypothesis: occurrences in the hypotheses.
        found: of each phrase and utterance the smaller of its two counts; where in the utterance
            it stands does not matter.
    """

    reference: int = 0
    hypothesis: int = 0
    found: int = 0

    @property
    def precision(self) -> float | None:
        """The share of recognised occurrences that were said; None when none was recognised."""
        return self.found / self.hypothesis if self.hypothesis else None

    @property
    def recall(self) -> float | None:
        """The share of occurrences said that were recognised; None when none was said."""
        return self.found / self.reference if self.reference else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall; None without any occurrence."""
        total = self.reference + self.hypothesis
        return 2 * self.found / total if total else None

    def __add__(self, other: Detection) -> Detection:
        return Detection(
            self.reference + other.reference,
            self.hypothesis + other.hypothesis,
            self.found + other.found,
        )


@dataclass(frozen=True)
class HotwordScore:
    """A split's errors parted into those on hotwords and all others, with 95 % intervals.

    An interval is None when there is no reference token of its kind. `per_phrase` holds the phrases
    that occur in a reference or a hypothesis.
    """

    biased: ErrorCounts
    biased_interval: Interval | None
    unbiased: ErrorCounts
    unbiased_interval: Interval | None
    per_phrase: dict[Phrase, Detection]

    @property
    def detection(self) -> Detection:
        """All phrases together."""
        return sum(self.per_phrase.values(), start=Detection())


class PhraseFinder:
    """Finds phrases, given as tokens, in sequences of tokens."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._phrases = frozenset(phrases)
        self._lengths = sorted({len(phrase) for phrase in self._phrases})

    def occurrences(self, tokens: Sequence[str]) -> list[tuple[int, Phrase]]:
        """Return (first token, phrase) of every occurrence; they may overlap."""
        return [
            (start, phrase)
            for length in self._lengths
            for start in range(len(tokens) - length + 1)
            if (phrase := tuple(tokens[start : start + length])) in self._phrases
        ]


def hotword_phrases(
    hotwords: Iterable[Hotword], unit: Unit, normaliser: NormaliserName = "none"
) -> list[Phrase]:
    """Return the phrases as tokens, after the normaliser that goes over references as well.

    Phrases that become the same are kept once.

    Raises:
        UserError: nothing is left of a phrase.
    """
    normalise = TextNormaliser(normaliser)
    phrases: dict[Phrase, None] = {}
    for hotword in hotwords:
        phrase = tuple(tokenise(normalise(hotword.phrase), unit))
        if not phrase:
            raise UserError(
                f"normaliser {normaliser} leaves nothing of the hotword '{hotword.phrase}'",
                todo="Take it out of the file, or choose another normaliser.",
            )
        phrases[phrase] = None
    return list(phrases)


def score_hotwords(score: CorpusScore, phrases: Iterable[Phrase]) -> HotwordScore:
    """Part the errors of a scored split; `phrases` are tokens of the split's unit."""
    finder = PhraseFinder(phrases)
    per_phrase: Counter[tuple[Phrase, str]] = Counter()
    biased: list[ErrorCounts] = []
    unbiased: list[ErrorCounts] = []
    for utterance in score.utterances:
        ours, others = _part(utterance.pairs, finder, per_phrase)
        biased.append(ours)
        unbiased.append(others)
    return HotwordScore(
        biased=sum(biased, start=ErrorCounts()),
        biased_interval=_interval(biased),
        unbiased=sum(unbiased, start=ErrorCounts()),
        unbiased_interval=_interval(unbiased),
        per_phrase={
            phrase: Detection(*(per_phrase[phrase, side] for side in ("ref", "hyp", "found")))
            for phrase in sorted({phrase for phrase, _ in per_phrase})
        },
    )


def _part(
    pairs: Sequence[Pair], finder: PhraseFinder, per_phrase: Counter[tuple[Phrase, str]]
) -> tuple[ErrorCounts, ErrorCounts]:
    """Return the counts on hotwords and off them; occurrences are added to `per_phrase`."""
    references = [pair.reference for pair in pairs if pair.reference is not None]
    hypotheses = [pair.hypothesis for pair in pairs if pair.hypothesis is not None]
    in_reference = finder.occurrences(references)
    in_hypothesis = finder.occurrences(hypotheses)
    _count_occurrences(in_reference, in_hypothesis, per_phrase)
    reference_marks, hypothesis_marks = _covered(in_reference), _covered(in_hypothesis)
    sides: tuple[list[Pair], list[Pair]] = ([], [])
    at_reference = at_hypothesis = 0
    for pair in pairs:
        if pair.reference is None:
            is_hotword = at_hypothesis in hypothesis_marks
        else:
            is_hotword = at_reference in reference_marks
        sides[0 if is_hotword else 1].append(pair)
        at_reference += pair.reference is not None
        at_hypothesis += pair.hypothesis is not None
    return count_errors(sides[0]), count_errors(sides[1])


def _covered(occurrences: Iterable[tuple[int, Phrase]]) -> set[int]:
    return {
        position for start, phrase in occurrences for position in range(start, start + len(phrase))
    }


def _count_occurrences(
    in_reference: Iterable[tuple[int, Phrase]],
    in_hypothesis: Iterable[tuple[int, Phrase]],
    per_phrase: Counter[tuple[Phrase, str]],
) -> None:
    said = Counter(phrase for _, phrase in in_reference)
    recognised = Counter(phrase for _, phrase in in_hypothesis)
    for side, counts in (("ref", said), ("hyp", recognised), ("found", said & recognised)):
        per_phrase.update({(phrase, side): count for phrase, count in counts.items()})


def _interval(counts: Sequence[ErrorCounts]) -> Interval | None:
    return bootstrap_interval(
        [count.errors for count in counts], [count.reference_tokens for count in counts]
    )
