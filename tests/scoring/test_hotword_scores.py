"""Errors on hotwords and off them: counted by hand, and by a slow count of another kind."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from asr.errors import UserError
from asr.scoring.alignment import ErrorCounts, Unit
from asr.scoring.corpus import CorpusScore, score_corpus
from asr.scoring.hotwords import Detection, HotwordScore, hotword_phrases, score_hotwords
from asr.scoring.hypotheses import DecodedUtterance
from asr.text.hotwords import Hotword


def scored(unit: Unit, *pairs: tuple[str, str]) -> CorpusScore:
    utterances = [
        DecodedUtterance(id=str(number), speaker="s", reference=reference, text=hypothesis)
        for number, (reference, hypothesis) in enumerate(pairs)
    ]
    return score_corpus(utterances, unit)


def parted(phrases: list[str], unit: Unit, *pairs: tuple[str, str]) -> HotwordScore:
    hotwords = [Hotword(phrase) for phrase in phrases]
    return score_hotwords(scored(unit, *pairs), hotword_phrases(hotwords, unit))


def test_counted_by_hand() -> None:
    pairs = (
        ("fly to new york today", "fly to new cork today please"),  # york, then an insertion
        ("ada called", "called"),  # ada deleted
        ("call me", "call ada me"),  # ada inserted
        ("new ideas in york", "ideas in york"),  # neither word is a hotword here
    )
    score = parted(["new york", "ada"], "word", *pairs)
    assert score.biased == ErrorCounts(correct=1, substitutions=1, deletions=1, insertions=1)
    assert score.unbiased == ErrorCounts(correct=9, deletions=1, insertions=1)
    assert score.biased + score.unbiased == scored("word", *pairs).total
    assert score.per_phrase == {
        ("new", "york"): Detection(reference=1, hypothesis=0, found=0),
        ("ada",): Detection(reference=1, hypothesis=1, found=0),
    }
    assert (score.detection.precision, score.detection.recall, score.detection.f1) == (0, 0, 0)
    assert score.biased_interval is not None
    assert score.unbiased_interval is not None


def test_precision_recall_and_f1() -> None:
    score = parted(["ada", "bo"], "word", ("ada bo ada", "ada ada ada"), ("x", "bo"))
    assert score.detection == Detection(reference=3, hypothesis=4, found=2)
    assert score.detection.precision == pytest.approx(2 / 4)
    assert score.detection.recall == pytest.approx(2 / 3)
    assert score.detection.f1 == pytest.approx(4 / 7)


def test_an_insertion_counts_by_what_is_inserted() -> None:
    pair = ("we go", "we go to new york")
    score = parted(["new york"], "word", pair)
    assert score.biased == ErrorCounts(insertions=2)
    assert score.unbiased == ErrorCounts(correct=2, insertions=1)
    assert score.biased.rate is None  # no reference token: the count is told, a rate is not
    assert score.biased_interval is None
    half = parted(["new york"], "word", ("we go", "we go new"))
    assert (half.biased.errors, half.unbiased.errors) == (0, 1)


def test_characters_in_a_row_whatever_the_spaces() -> None:
    score = parted(["人工 智能"], "char", ("我学人工智能", "我学人 工只能"), ("智能", "智能"))
    assert score.biased == ErrorCounts(correct=3, substitutions=1)
    assert score.unbiased == ErrorCounts(correct=4)


def test_overlapping_phrases_count_a_token_once() -> None:
    score = parted(["a b", "b c"], "word", ("a b c d", "a x c d"))
    assert score.biased == ErrorCounts(correct=2, substitutions=1)
    assert score.unbiased == ErrorCounts(correct=1)
    assert score.detection == Detection(reference=2)


def test_an_empty_list_leaves_all_errors_unbiased() -> None:
    corpus = scored("word", ("a b", "a c"), ("d", "d"))
    score = score_hotwords(corpus, [])
    assert score.unbiased == corpus.total
    assert score.unbiased_interval == corpus.interval
    assert score.biased == ErrorCounts()
    assert (score.detection.precision, score.detection.recall, score.detection.f1) == (None,) * 3


def test_the_normaliser_goes_over_the_phrases() -> None:
    phrases = hotword_phrases([Hotword("New York!"), Hotword("new york")], "word", "english")
    assert phrases == [("new", "york")]
    with pytest.raises(UserError, match="normaliser english leaves nothing of the hotword '!!'"):
        hotword_phrases([Hotword("!!")], "word", "english")


def slow_count(corpus: CorpusScore, phrases: list[str]) -> dict[str, tuple[int, int]]:
    """Errors and reference tokens of both kinds, by searching texts token by token."""

    def marks(tokens: list[str]) -> list[bool]:
        marked = [False] * len(tokens)
        for first in range(len(tokens)):
            for last in range(first + 1, len(tokens) + 1):
                if " ".join(tokens[first:last]) in phrases:
                    marked[first:last] = [True] * (last - first)
        return marked

    counts = {"biased": [0, 0], "unbiased": [0, 0]}
    for utterance in corpus.utterances:
        left = marks([r for r, _ in utterance.pairs if r is not None])
        right = marks([h for _, h in utterance.pairs if h is not None])
        for reference, hypothesis in utterance.pairs:
            of_reference = left.pop(0) if reference is not None else None
            of_hypothesis = right.pop(0) if hypothesis is not None else None
            kind = (
                "biased" if (of_hypothesis if reference is None else of_reference) else "unbiased"
            )
            counts[kind][0] += reference != hypothesis
            counts[kind][1] += reference is not None
    return {kind: (errors, tokens) for kind, (errors, tokens) in counts.items()}


@pytest.mark.parametrize("seed", range(30))
def test_equals_a_slow_count(seed: int) -> None:
    generator = random.Random(seed)

    def text(longest: int) -> str:
        return " ".join(generator.choices("abcd", k=generator.randint(0, longest)))

    pairs = [(text(9), text(9)) for _ in range(12)]
    phrases = sorted({text(3) for _ in range(4)} - {""})
    corpus = scored("word", *pairs)
    score = parted(phrases, "word", *pairs)
    expected = slow_count(corpus, phrases)
    for kind, counts in (("biased", score.biased), ("unbiased", score.unbiased)):
        assert (counts.errors, counts.reference_tokens) == expected[kind]
    said = sum(
        tuple(reference.split()[i : i + len(phrase.split())]) == tuple(phrase.split())
        for reference, _ in pairs
        for phrase in phrases
        for i in range(len(reference.split()))
    )
    assert score.detection.reference == said
    if score.detection.recall is not None:
        assert Fraction(score.detection.found, said) == pytest.approx(score.detection.recall)
