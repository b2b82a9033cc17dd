"""The search of `joint`, and what it shares with `attention`: fusion, coverage, when it stops."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from asr.config.decoding import DecodingOptions
from asr.decoding.base import SearchRequest
from asr.decoding.fusion import NO_LABEL, Fusion
from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.attention import attention, attention_beam_search
from asr.decoding.searches.joint import joint
from tests.decoding.decoding_reference import (
    BigramScorer,
    Labels,
    TinyDecoder,
    TinyModel,
    ctc_scores,
    random_encodings,
)

VOCAB_SIZE = 5
LABELS = (2, 3, 4)
LENGTHS = torch.tensor([4, 1, 3])
EVERYTHING = 400  # a beam that holds every sequence


class RisingScorer(BigramScorer):
    """Gains of both signs, as of hotwords; it does not say how much a label may gain."""

    def __init__(self, vocab_size: int, seed: int) -> None:
        super().__init__(vocab_size, seed)
        self.table = self.table + 1.5


class BoundedScorer(RisingScorer):
    """The same, and it says so."""

    @property
    def greatest_gain(self) -> float:
        return float(self.table.max())


class StrictScorer(BigramScorer):
    """Knows labels only, as a language model may."""

    def advance(self, state: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
        assert set(labels.tolist()) <= {*LABELS, NO_LABEL}
        return super().advance(state, rows, labels)


def every_sequence(most_labels: int) -> list[Labels]:
    return [
        labels
        for size in range(most_labels + 1)
        for labels in itertools.product(LABELS, repeat=size)
    ]


def joint_scores(model: TinyModel, heard: Tensor, ctc_weight: float) -> dict[Labels, float]:
    """The score of every sequence that CTC can emit, without fusion."""
    return {
        labels: ctc_weight * ctc + (1 - ctc_weight) * model.decoder.score(heard, labels)
        for labels, ctc in ctc_scores(model.ctc_log_probs(heard)).items()
        if set(labels) <= set(LABELS)
    }


def check_best(found: list[TokenPath], expected: dict[Labels, float], n_best: int) -> None:
    best = sorted(expected, key=lambda labels: expected[labels], reverse=True)[:n_best]
    assert [tuple(path.tokens) for path in found] == best
    for path in found:
        assert path.score == pytest.approx(expected[tuple(path.tokens)], abs=1e-4)


@pytest.mark.parametrize("ctc_weight", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("length_bonus", [0.0, 0.8])
@pytest.mark.parametrize("with_scorer", [False, True])
def test_it_finds_the_best_of_all_sequences(
    ctc_weight: float, length_bonus: float, with_scorer: bool
) -> None:
    bigram = BigramScorer(VOCAB_SIZE, seed=7)
    fusion = Fusion([(bigram, 0.7)] if with_scorer else [], length_bonus)
    options = DecodingOptions(beam_size=EVERYTHING, n_best=3, ctc_weight=ctc_weight)
    for seed in range(4):
        model = TinyModel(VOCAB_SIZE, seed=seed)
        encodings = random_encodings(3, 4, 4, seed=seed)
        found = joint(model, encodings, LENGTHS, SearchRequest(options, fusion))
        for row, length in enumerate(LENGTHS.tolist()):
            expected = {
                labels: score
                + length_bonus * len(labels)
                + with_scorer * 0.7 * bigram.score(labels)
                for labels, score in joint_scores(
                    model, encodings[row, :length], ctc_weight
                ).items()
            }
            check_best(found[row], expected, n_best=3)


def test_without_ctc_it_is_attention() -> None:
    model = TinyModel(VOCAB_SIZE, seed=3)
    encodings, lengths = random_encodings(3, 9, 4, seed=3), torch.tensor([9, 5, 7])
    request = SearchRequest(DecodingOptions(beam_size=4, n_best=4, ctc_weight=0.0))
    assert joint(model, encodings, lengths, request) == attention(
        model, encodings, lengths, request
    )


def test_ctc_alone_needs_no_candidates_from_the_decoder() -> None:
    model = TinyModel(VOCAB_SIZE, seed=1)
    encodings = random_encodings(3, 4, 4, seed=1)
    options = DecodingOptions(beam_size=EVERYTHING, ctc_weight=1.0, label_candidates=1)
    found = joint(model, encodings, LENGTHS, SearchRequest(options))
    for row, length in enumerate(LENGTHS.tolist()):
        check_best(found[row], joint_scores(model, encodings[row, :length], 1.0), n_best=1)


def test_only_candidates_are_tried() -> None:
    """With one candidate a label and a beam of one, the decoder alone chooses what is tried."""
    model = TinyModel(VOCAB_SIZE, seed=5)
    encodings = random_encodings(1, 8, 4, seed=5)
    options = DecodingOptions(beam_size=1, ctc_weight=0.3, label_candidates=1)
    ((path,),) = joint(model, encodings, torch.tensor([8]), SearchRequest(options))
    assert path.tokens
    state, last = model.decoder.initial_state(encodings, torch.tensor([8])), 1
    for token in path.tokens:
        log_probs, state = model.decoder.step(torch.tensor([last]), state)
        last = int(log_probs[0, list(LABELS)].argmax()) + LABELS[0]
        assert token == last


def test_the_end_is_always_tried() -> None:
    """The decoder finds every label likelier than eos; CTC knows that there is only one frame."""
    model = TinyModel(VOCAB_SIZE, seed=6)
    model.decoder.bias[1] = -12.0
    options = DecodingOptions(beam_size=2, label_candidates=1, max_length_ratio=4.0)
    encodings, lengths = random_encodings(1, 1, 4, seed=6), torch.tensor([1])
    ((path,),) = joint(model, encodings, lengths, SearchRequest(options))
    assert len(path.tokens) <= 1


def test_more_labels_than_ctc_can_emit_are_never_found() -> None:
    model = TinyModel(VOCAB_SIZE, seed=2)
    model.decoder.bias[1] = -30.0  # the decoder never wants to end
    options = DecodingOptions(beam_size=6, n_best=6, ctc_weight=0.1, max_length_ratio=3.0)
    encodings, lengths = random_encodings(4, 5, 4, seed=2), torch.tensor([5, 1, 2, 3])
    for paths, length in zip(
        joint(model, encodings, lengths, SearchRequest(options)), lengths.tolist(), strict=True
    ):
        assert paths
        for path in paths:
            assert len(path.tokens) <= length


@pytest.mark.parametrize("scorer_class", [BigramScorer, RisingScorer, BoundedScorer])
def test_attention_with_fusion_finds_the_best_of_all_sequences(
    scorer_class: type[BigramScorer],
) -> None:
    scorer = scorer_class(VOCAB_SIZE, seed=9)
    request = SearchRequest(
        DecodingOptions(beam_size=EVERYTHING, n_best=4), Fusion([(scorer, 0.8)], 0.3)
    )
    for seed in range(6):
        decoder = TinyDecoder(VOCAB_SIZE, 4, seed)
        encodings = random_encodings(4, 4, seed=seed)
        (found,) = attention_beam_search(decoder, encodings[None], torch.tensor([4]), request)
        expected = {
            labels: decoder.score(encodings, labels)
            + 0.8 * scorer.score(labels)
            + 0.3 * len(labels)
            for labels in every_sequence(4)
        }
        check_best(found, expected, n_best=4)


def test_scorers_are_given_labels_only() -> None:
    """A beam with more room than hypotheses, and an utterance that is no number."""
    model = TinyModel(VOCAB_SIZE, seed=4)
    encodings, lengths = random_encodings(3, 5, 4, seed=4), torch.tensor([5, 1, 3])
    encodings[2] = torch.nan
    request = SearchRequest(
        DecodingOptions(beam_size=30), Fusion([(StrictScorer(VOCAB_SIZE, seed=0), 0.5)])
    )
    for search_method in (attention, joint):
        found = search_method(model, encodings, lengths, request)
        assert found[0] and found[1]


@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_coverage_counts_the_frames_attended_to(threshold: float) -> None:
    options = DecodingOptions(
        beam_size=EVERYTHING, n_best=4, coverage_weight=0.9, coverage_threshold=threshold
    )
    changed = 0
    for seed in range(8):
        model = TinyModel(VOCAB_SIZE, seed=seed)
        decoder, encodings = model.decoder, random_encodings(3, 4, 4, seed=seed)
        padded = encodings.clone()
        for row, length in enumerate(LENGTHS.tolist()):
            padded[row, length:] = 50.0
        found = attention_beam_search(decoder, padded, LENGTHS, SearchRequest(options))
        plain = attention_beam_search(
            decoder, padded, LENGTHS, SearchRequest(DecodingOptions(beam_size=EVERYTHING))
        )
        for row, length in enumerate(LENGTHS.tolist()):
            heard = encodings[row, :length]
            expected = {
                labels: decoder.score(heard, labels)
                + 0.9 * decoder.covered(heard, labels, threshold)
                for labels in every_sequence(length)
            }
            assert found[row][0].score == pytest.approx(max(expected.values()), abs=1e-4)
            for path in found[row]:
                assert path.score == pytest.approx(expected[tuple(path.tokens)], abs=1e-4)
            changed += found[row][0].tokens != plain[row][0].tokens
    assert changed > 0


def search(decoder: TinyDecoder, fusion: Fusion | None, **options: Any) -> list[TokenPath]:
    request = SearchRequest(DecodingOptions(beam_size=6, **options), fusion)
    encodings = random_encodings(1, 60, 4, seed=0)
    (paths,) = attention_beam_search(decoder, encodings, torch.tensor([60]), request)
    return paths


def steps_of(scorer: BigramScorer | None, length_bonus: float = 0.0, **options: Any) -> int:
    decoder = TinyDecoder(VOCAB_SIZE, 4, seed=0, eos_bias=6.0)
    search(decoder, Fusion([(scorer, 0.1)] if scorer else [], length_bonus), **options)
    return decoder.steps


def test_end_detection_stops_what_the_bound_cannot() -> None:
    assert steps_of(BigramScorer(VOCAB_SIZE, seed=1), end_margin=3.0) < 20
    assert steps_of(None, length_bonus=0.1, end_margin=3.0) < 20
    assert steps_of(BigramScorer(VOCAB_SIZE, seed=1), end_lengths=0) == 61
    bounded = BoundedScorer(VOCAB_SIZE, seed=1)
    bounded.table -= bounded.greatest_gain
    assert steps_of(bounded, end_lengths=0) < 20


def test_lengths_at_which_nothing_ends_give_no_reason_to_stop() -> None:
    """An early eos enters the beam; then all others are better until the labels run out."""
    decoder = TinyDecoder(VOCAB_SIZE, 4, seed=0, eos_bias=-2.0)
    state = decoder.initial_state(random_encodings(1, 12, 4, seed=0), torch.tensor([12]))
    log_probs, _ = decoder.step(torch.tensor([1]), state)
    rank = int((log_probs[0, [2, 3, 4]] > log_probs[0, 1]).sum()) + 1
    request = SearchRequest(
        DecodingOptions(beam_size=rank, end_lengths=2, end_margin=0.5), Fusion((), 3.0)
    )
    encodings, lengths = random_encodings(1, 12, 4, seed=0), torch.tensor([12])
    ((path,),) = attention_beam_search(decoder, encodings, lengths, request)
    assert len(path.tokens) == 12


class LateDecoder(TinyDecoder):
    """Ends badly before the tenth label, not quite as badly before the first."""

    def step(self, tokens: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        log_probs = torch.full((len(tokens), VOCAB_SIZE), -1.5 if self.steps < 10 else -40.0)
        log_probs[:, 1] = {0: -8.0, 10: -0.1}.get(self.steps, -25.0)
        log_probs[:, 4] = -100.0
        self.steps += 1
        return log_probs, state


def test_what_ends_badly_at_every_length_does_not_stop_what_grows_well() -> None:
    decoder = LateDecoder(VOCAB_SIZE, 4, seed=0)
    ((path,),) = attention_beam_search(
        decoder,
        random_encodings(1, 12, 4, seed=0),
        torch.tensor([12]),
        SearchRequest(DecodingOptions(beam_size=20), Fusion((), 1.5)),
    )
    assert len(path.tokens) == 10


def test_end_detection_waits_for_enough_lengths_and_margin() -> None:
    scorer = BigramScorer(VOCAB_SIZE, seed=1)
    eager, patient = steps_of(scorer, end_lengths=1), steps_of(scorer, end_lengths=6)
    assert eager < patient < steps_of(scorer, end_lengths=6, end_margin=40.0)


def test_end_detection_changes_nothing_where_labels_only_lose() -> None:
    for seed in range(10):
        decoder = TinyDecoder(VOCAB_SIZE, 4, seed, eos_bias=1.0)
        hasty = search(decoder, None, n_best=5, end_lengths=1, end_margin=1e-3)
        assert hasty == search(decoder, None, n_best=5, end_lengths=0)
