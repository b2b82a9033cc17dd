"""Times and confidences of tokens and words."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from asr.config.decoding import (
    ATTENTION_DECODER,
    METHODS,
    DecodingOptions,
    usable_methods,
)
from asr.config.loading import build
from asr.config.tokenizer import TOKENIZERS, CharTokenizerParams
from asr.decoding.forced_alignment import align_tokens
from asr.decoding.hypothesis import Hypothesis, TokenPath, Word
from asr.decoding.registry import decode
from asr.decoding.timing import spell_words, timed_hypotheses
from asr.text.scripts import split_words
from asr.text.tokenizers import Tokenizer, train_tokenizer
from tests.decoding.decoding_reference import TinyModel, random_encodings

OPTIONS = DecodingOptions(beam_size=4, n_best=3)
LENGTHS = [10, 7, 1, 0]


class CountingModel(TinyModel):
    """Counts how often the CTC scores are computed."""

    computed = 0

    def ctc_log_probs(self, encodings: torch.Tensor) -> torch.Tensor:
        self.computed += 1
        return super().ctc_log_probs(encodings)


# Methods that need nothing but a model.
ALONE = [
    name
    for name in usable_methods([ATTENTION_DECODER])
    if not METHODS[name].needs_graph and "k2" not in name
]


@pytest.mark.parametrize("method", ALONE)
def test_every_method_places_its_tokens_by_the_best_alignment(method: str) -> None:
    model = CountingModel(seed=2)
    encodings = random_encodings(4, 10, 4, seed=2)
    n_best = decode(
        method, model, encodings, torch.tensor(LENGTHS), OPTIONS, seconds_per_frame=0.04
    )
    assert model.computed == 1
    placed = 0
    for row, hypotheses in enumerate(n_best):
        log_probs = model.ctc_log_probs(encodings[row, : LENGTHS[row]])
        for hypothesis in hypotheses:
            (expected,) = align_tokens(log_probs, [hypothesis.tokens])
            if expected is None:
                assert hypothesis.timestamps == hypothesis.ends == hypothesis.confidences == []
                continue
            placed += len(hypothesis.tokens)
            assert hypothesis.timestamps == pytest.approx([0.04 * f for f in expected.starts])
            assert hypothesis.ends == pytest.approx([0.04 * f for f in expected.ends])
            assert hypothesis.confidences == pytest.approx(expected.confidences, abs=1e-6)
            assert all(0 <= confidence <= 1 for confidence in hypothesis.confidences)
    assert placed > 0


def test_times_can_be_left_out() -> None:
    model = CountingModel(seed=2)
    encodings, lengths = random_encodings(2, 10, 4, seed=2), torch.tensor([10, 7])
    timed = decode("ctc-greedy", model, encodings, lengths, OPTIONS, seconds_per_frame=0.04)
    plain = decode(
        "ctc-greedy", model, encodings, lengths, OPTIONS, seconds_per_frame=0.04, with_times=False
    )
    assert [h.tokens for (h,) in plain] == [h.tokens for (h,) in timed]
    assert all(not h.timestamps for (h,) in plain)


def test_more_tokens_than_frames_have_no_times() -> None:
    log_probs = torch.zeros(1, 2, 5).log_softmax(-1)
    ((found,),) = timed_hypotheses(
        [[TokenPath([1, 2, 3], -1.0)]], log_probs, torch.tensor([2]), seconds_per_frame=0.04
    )
    assert found.tokens == [1, 2, 3]
    assert found.timestamps == found.ends == found.confidences == []


def test_a_word_lasts_from_its_first_token_to_its_last() -> None:
    tokenizer = train_tokenizer("CharTokenizer", CharTokenizerParams(), ["ab c 我"])
    tokens = tokenizer.encode("ab c 我我")
    count = len(tokens)
    hypothesis = Hypothesis(
        tokens,
        score=0.0,
        timestamps=[0.1 * i for i in range(count)],
        ends=[0.1 * i + 0.05 for i in range(count)],
        confidences=[0.9, 0.4, 0.5, 1.0, 0.5, 0.0, 1.0],
    )
    spell_words(hypothesis, tokenizer)
    words = hypothesis.words
    assert hypothesis.text == "ab c 我我"
    assert [word.text for word in words] == ["ab", "c", "我", "我"]
    assert words[0] == Word("ab", 0.0, pytest.approx(0.15), pytest.approx(math.sqrt(0.36)))
    assert words[1] == Word("c", pytest.approx(0.3), pytest.approx(0.35), 1.0)
    assert [word.confidence for word in words[2:]] == [0.0, 1.0]


def timed(tokenizer: Tokenizer[Any], text: str, gaps: dict[int, float]) -> Hypothesis:
    """Return the tokens of a text, a frame each, with a gap in seconds behind some of them."""
    tokens = tokenizer.encode(text)
    starts, time = [], 0.0
    for position in range(len(tokens)):
        starts.append(time)
        time += 0.04 + gaps.get(position, 0.04)
    ends = [start + 0.04 for start in starts]
    return Hypothesis(tokens, 0.0, starts, ends, [0.9] * len(tokens))


def test_a_word_ends_where_its_letters_are_further_apart_than_a_pause() -> None:
    tokenizer = train_tokenizer("CharTokenizer", CharTokenizerParams(), ["alarm seven start"])
    for gap, text in ((0.16, "sevenstart alarm"), (0.44, "seven start alarm")):
        hypothesis = timed(tokenizer, "sevenstart alarm", {4: gap})
        spell_words(hypothesis, tokenizer)
        assert hypothesis.text == text
        assert [word.text for word in hypothesis.words] == text.split()
    seven, start, alarm = hypothesis.words
    assert (seven.end, start.start) == pytest.approx((0.36, 0.8))
    assert (seven.start, alarm.end) == (0.0, hypothesis.ends[-1])
    spell_words(hypothesis, tokenizer, part_at_pauses=False)
    assert hypothesis.text == "seven start alarm"


def test_a_known_transcript_is_not_parted() -> None:
    tokenizer = train_tokenizer("CharTokenizer", CharTokenizerParams(), ["sevenstart"])
    hypothesis = timed(tokenizer, "sevenstart", {4: 2.0})
    spell_words(hypothesis, tokenizer, part_at_pauses=False)
    assert hypothesis.text == "sevenstart"
    hypothesis.text = "sevenstart"  # as a decoding graph gives it
    spell_words(hypothesis, tokenizer, part_at_pauses=False)
    assert [word.text for word in hypothesis.words] == ["sevenstart"]


def test_pauses_between_words_and_within_scripts_add_no_space() -> None:
    tokenizer = train_tokenizer("CharTokenizer", CharTokenizerParams(), ["ab c 我们 love"])
    text = tokenizer.canonical("ab c 我们 love")
    everywhere = dict.fromkeys(range(len(tokenizer.encode(text))), 1.0)
    hypothesis = timed(tokenizer, text, everywhere)
    spell_words(hypothesis, tokenizer)
    assert hypothesis.text == "a b c 我们 l o v e"
    assert [word.text for word in hypothesis.words] == split_words(hypothesis.text)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("BpeTokenizer", {"vocab_size": 20, "model_type": "bpe"}),
        ("MixedTokenizer", {"vocab_size": 20, "model_type": "bpe"}),
        ("ByteBpeTokenizer", {"vocab_size": 262}),
    ],
)
def test_subwords_without_a_mark_are_parted_as_letters_are(
    name: str, params: dict[str, Any]
) -> None:
    corpus = ["seven start seven starts", "start seven", "sevens start", "seven"] * 3
    tokenizer = train_tokenizer(name, build(TOKENIZERS[name], params, source="the tests"), corpus)
    tokens = tokenizer.encode("sevenstart")
    sizes = [len(tokenizer.tokens[token].strip("▁ ")) for token in tokens]
    assert len(tokens) > 1 and max(sizes) > 1
    spoken = 0
    for position, size in enumerate(sizes[:-1]):
        spoken += size
        following = sizes[position + 1]
        hypothesis = timed(tokenizer, "sevenstart", {position: 1.0})
        spell_words(hypothesis, tokenizer)
        parts = "sevenstart"[:spoken], "sevenstart"[spoken:]
        assert hypothesis.text == " ".join(parts).strip()
        # It takes a while to say tokens of many letters.
        hypothesis = timed(
            tokenizer, "sevenstart", {position: 0.25 + 0.05 * (size + following - 2)}
        )
        spell_words(hypothesis, tokenizer)
        assert hypothesis.text == "sevenstart"
