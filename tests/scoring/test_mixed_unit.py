"""MER: Han and kana characters and words of other scripts as tokens."""

from __future__ import annotations

import random

import kaldialign
import pytest

from asr.scoring.alignment import ErrorCounts, Pair, align, count_errors, tokenise
from asr.scoring.corpus import compare_corpora, normalise_utterances, score_corpus
from asr.scoring.details import render_alignments, render_speakers
from asr.scoring.hypotheses import DecodedUtterance


def decoded(*pairs: tuple[str, str]) -> list[DecodedUtterance]:
    return [
        DecodedUtterance(id=str(number), speaker="a", reference=reference, text=hypothesis)
        for number, (reference, hypothesis) in enumerate(pairs)
    ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("我们 love 你", ["我", "们", "love", "你"]),
        ("T恤和hello world", ["T", "恤", "和", "hello", "world"]),
        ("カラオケ bar", ["カ", "ラ", "オ", "ケ", "bar"]),
        ("한국 말", ["한국", "말"]),
        ("one  two\n", ["one", "two"]),
        ("今天天气", ["今", "天", "天", "气"]),
        ("𠮷野家", ["𠮷", "野", "家"]),
        (" ", []),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert tokenise(text, "mixed") == tokens


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("我 love 你", "我 love 你", ErrorCounts(correct=3)),
        ("我love你", "我 love 你", ErrorCounts(correct=3)),
        ("我 love 你", "我 loved 您", ErrorCounts(1, 2, 0, 0)),
        ("我们 play music 吧", "我们 music 吧 吧", ErrorCounts(4, 0, 1, 1)),
        ("打开 air conditioner", "打开 aircon", ErrorCounts(2, 1, 1, 0)),
        ("", "好 ok", ErrorCounts(insertions=2)),
    ],
)
def test_cases_by_hand(reference: str, hypothesis: str, expected: ErrorCounts) -> None:
    score = score_corpus(decoded((reference, hypothesis)), "mixed")
    assert score.total == expected


def test_counts_are_those_of_kaldialign_on_sequences_split_by_hand() -> None:
    """Tokens are drawn first and written as text afterwards, with spaces or without."""
    generator = random.Random(0)
    han, words = list("今天气很好我们去"), ["play", "the", "song", "it's"]

    def draw() -> list[str]:
        return generator.choices(han + words, k=generator.randint(0, 9))

    def write(tokens: list[str]) -> str:
        text = ""
        for before, token in zip(["", *tokens], tokens, strict=False):
            needed = before in words and token in words
            text += (" " if needed or generator.random() < 0.5 else "") + token
        return text

    sequences = [(draw(), draw()) for _ in range(500)]
    score = score_corpus(decoded(*((write(r), write(h)) for r, h in sequences)), "mixed")
    for (reference, hypothesis), utterance in zip(sequences, score.utterances, strict=True):
        counts = kaldialign.edit_distance(reference, hypothesis)
        assert utterance.counts.errors == counts["total"]
        assert utterance.counts.insertions == counts["ins"]
        assert utterance.counts.deletions == counts["del"]
        assert utterance.counts.reference_tokens == len(reference)


def test_mer_is_wer_in_english_and_cer_in_mandarin() -> None:
    english = decoded(("one two three", "one too three four"))
    mandarin = decoded(("今天 天气 好", "今天天气很好"))
    assert score_corpus(english, "mixed").total == score_corpus(english, "word").total
    assert score_corpus(mandarin, "mixed").total == score_corpus(mandarin, "char").total


def test_alignment_and_speakers_follow_the_unit() -> None:
    score = score_corpus(decoded(("我 love 你", "我 lov 你们")), "mixed")
    assert align(["我", "love", "你"], ["我", "lov", "你", "们"]) == score.utterances[0].pairs
    assert score.utterances[0].pairs[1] == Pair("love", "lov")
    text = render_alignments(score, "t")
    assert "MER 66.67 %" in text
    assert text.splitlines()[-3:-1] == ["ref: 我 love 你 **", "hyp: 我 lov  你 们"]
    assert "errors/tokens" in render_speakers(score, "t")


def test_significance_follows_the_unit() -> None:
    a = score_corpus(decoded(("我 love 你", "我 lov 你"), ("好 ok", "好 ok")), "mixed")
    b = score_corpus(decoded(("我 love 你", "我 love 你"), ("好 ok", "好 ok")), "mixed")
    assert a.interval is not None
    assert compare_corpora(a, b).difference == pytest.approx(-1 / 5)


def test_a_normaliser_goes_over_references_and_hypotheses() -> None:
    utterances = decoded(("It’s 5 o'clock.", "it's five o'clock"), ("One, two", "ONE too"))
    assert score_corpus(utterances, "word").total.errors == 5
    normalised = normalise_utterances(utterances, "english")
    assert [u.reference for u in normalised] == ["it's five o'clock", "one two"]
    assert score_corpus(normalised, "word").total == ErrorCounts(correct=4, substitutions=1)
    assert normalise_utterances(utterances, "none") == utterances


def test_pairs_of_mixed_text_count() -> None:
    pairs = align(tokenise("我们 go", "mixed"), tokenise("我 go home", "mixed"))
    assert count_errors(pairs) == ErrorCounts(correct=2, deletions=1, insertions=1)
