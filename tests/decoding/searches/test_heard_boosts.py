"""`attention+hotwords`: boosts count as far as CTC has heard what they are for."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from asr.config.decoding import DecodingOptions
from asr.decoding.base import SearchRequest
from asr.decoding.fusion import Fusion, score_sequences
from asr.decoding.hotwords.scorer import HotwordScorer
from asr.decoding.searches.attention import attention, attention_beam_search
from asr.decoding.searches.joint import joint
from tests.decoding.decoding_reference import (
    SOS_EOS,
    Labels,
    TinyDecoder,
    TinyModel,
    ctc_scores,
    random_encodings,
)

LETTERS = ["", "", "", "▁a", "b"]
LENGTHS = torch.tensor([4, 1, 3])


def request_of(boosts: dict[str, float], **options: float) -> SearchRequest:
    fusion = Fusion([(HotwordScorer(boosts, LETTERS), 1.0)])
    chosen = DecodingOptions(**{"beam_size": 200, "n_best": 5, "end_lengths": 0, **options})
    return SearchRequest(chosen, fusion, ("hotwords",))


def expected_score(model: TinyModel, heard: Tensor, labels: Labels, fusion: Fusion) -> float:
    log_probs = model.ctc_log_probs(heard)
    lost = float(log_probs.amax(1).sum()) - ctc_scores(log_probs).get(labels, -torch.inf)
    boosts = float(score_sequences(fusion, [labels], torch.device("cpu")))
    return model.decoder.score(heard, labels) + max(0.0, boosts - max(0.0, lost))


@pytest.mark.parametrize("search", [attention, joint])
def test_it_finds_the_best_of_all_sequences(search) -> None:
    """`joint` without weight for CTC is the same search."""
    request = request_of({"▁ab▁": 4.0, "▁a▁": 1.5, "▁a▁a▁": 2.0}, ctc_weight=0.0)
    assert request.fusion is not None
    counted = 0
    for seed in range(4):
        model = TinyModel(5, seed=seed)
        encodings = random_encodings(3, 4, 4, seed=seed)
        found = search(model, encodings, LENGTHS, request)
        for row, length in enumerate(LENGTHS.tolist()):
            heard = encodings[row, :length]
            expected = {
                labels: expected_score(model, heard, labels, request.fusion)
                for size in range(length + 1)
                for labels in itertools.product((2, 3, 4), repeat=size)
            }
            best = sorted(expected, key=lambda labels: -expected[labels])[:5]
            assert [tuple(path.tokens) for path in found[row]] == best
            for path in found[row]:
                labels = tuple(path.tokens)
                assert path.score == pytest.approx(expected[labels], abs=1e-4)
                counted += path.score > model.decoder.score(heard, labels) + 0.1
    assert counted > 5


class Credulous(TinyModel):
    """The encodings are the CTC posteriors; the decoder finds every label about as likely."""

    def __init__(self) -> None:
        self.decoder = TinyDecoder(5, 5, seed=0, eos_bias=5.0)
        self.decoder.output.zero_()

    def ctc_log_probs(self, encodings: Tensor) -> Tensor:
        return encodings


def heard(*symbols: int) -> Tensor:
    return (one_hot(torch.tensor([symbols]), 5).float() + 1e-6).log().log_softmax(-1)


def test_a_phrase_counts_as_often_as_it_was_said() -> None:
    """The decoder alone writes a phrase for as long as it is rewarded."""
    model, request = Credulous(), request_of({"▁ab▁": 16.0}, n_best=1, beam_size=10)
    silence = [0] * 4
    for said, spoken in [
        ([], []),
        ([3, 4], [0, 3, 0, 4]),
        ([3, 4, 3, 4], [3, 4, 0, 3, 3, 4]),
    ]:
        log_probs = heard(*silence, *spoken, *silence)
        lengths = torch.tensor([log_probs.size(1)])
        ((path,),) = attention(model, log_probs, lengths, request)
        assert path.tokens == said
        ((alone,),) = attention_beam_search(model.decoder, log_probs, lengths, request)
        assert len(alone.tokens) >= 8


def test_a_phrase_that_was_nearly_said_is_found() -> None:
    model, request = Credulous(), request_of({"▁ab▁": 16.0}, n_best=1, beam_size=10)
    log_probs = heard(0, 3, 0, 2, 0, 0)
    log_probs[0, 3] = torch.tensor([0.01, 0.01, 0.8, 0.01, 0.17]).log()
    ((path,),) = attention(model, log_probs, torch.tensor([6]), request)
    assert path.tokens == [3, 4]


def test_neighbours_and_padding_change_nothing() -> None:
    request = request_of({"▁ab▁": 5.0, "▁a▁": 1.0}, beam_size=4, n_best=3)
    lengths = torch.tensor([9, 2, 7, 1])
    model, encodings = TinyModel(5, seed=3), random_encodings(4, 9, 4, seed=3)
    batched = attention(model, encodings, lengths, request)
    for row, length in enumerate(lengths.tolist()):
        part = encodings[row : row + 1, :length]
        (alone,) = attention(model, part, lengths[row : row + 1], request)
        assert [path.tokens for path in batched[row]] == [path.tokens for path in alone]
        scores = [path.score for path in alone]
        assert [path.score for path in batched[row]] == pytest.approx(scores, abs=1e-4)
        assert not any(SOS_EOS in path.tokens for path in alone)
