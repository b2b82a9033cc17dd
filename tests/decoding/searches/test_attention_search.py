from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from asr.config.decoding import DecodingOptions
from asr.decoding.base import SearchRequest
from asr.decoding.fusion import Fusion
from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.attention import attention_beam_search
from tests.decoding.decoding_reference import BLANK, SOS_EOS, Labels, TinyDecoder, random_encodings

VOCAB_SIZE = 5
LABELS = (2, 3, 4)


def search_one(
    decoder: TinyDecoder, encodings: Tensor, options: DecodingOptions
) -> list[TokenPath]:
    fusion = Fusion((), options.length_bonus)
    (paths,) = attention_beam_search(
        decoder, encodings[None], torch.tensor([len(encodings)]), SearchRequest(options, fusion)
    )
    return paths


def every_sequence(most_labels: int) -> list[Labels]:
    return [
        labels
        for size in range(most_labels + 1)
        for labels in itertools.product(LABELS, repeat=size)
    ]


@pytest.mark.parametrize("length_bonus", [0.0, 1.5, -0.5])
@pytest.mark.parametrize("n_best", [1, 4])
def test_a_wide_beam_finds_the_best_of_all_sequences(length_bonus: float, n_best: int) -> None:
    options = DecodingOptions(beam_size=150, n_best=n_best, length_bonus=length_bonus)
    for seed in range(8):
        decoder = TinyDecoder(VOCAB_SIZE, 4, seed)
        encodings = random_encodings(3, 4, seed=seed)
        scores = {
            labels: decoder.score(encodings, labels) + length_bonus * len(labels)
            for labels in every_sequence(most_labels=3)
        }
        expected = sorted(scores, key=lambda labels: scores[labels], reverse=True)[:n_best]
        paths = search_one(decoder, encodings, options)
        assert [tuple(path.tokens) for path in paths] == expected
        for path in paths:
            assert path.score == pytest.approx(scores[tuple(path.tokens)], abs=1e-4)


def test_a_beam_of_one_takes_the_best_label_each_time() -> None:
    for seed in range(10):
        decoder = TinyDecoder(VOCAB_SIZE, 4, seed)
        encodings = random_encodings(12, 4, seed=seed)
        state = decoder.initial_state(encodings[None], torch.tensor([12]))
        expected, last = [], SOS_EOS
        while len(expected) < 12:
            log_probs, state = decoder.step(torch.tensor([last]), state)
            log_probs[:, BLANK] = -torch.inf
            last = int(log_probs.argmax())
            if last == SOS_EOS:
                break
            expected.append(last)
        (path,) = search_one(decoder, encodings, DecodingOptions(beam_size=1))
        assert path.tokens == expected
        assert path.score == pytest.approx(decoder.score(encodings, tuple(expected)), abs=1e-4)


def test_paths_are_distinct_and_hold_labels_only() -> None:
    options = DecodingOptions(beam_size=6, n_best=6)
    for seed in range(10):
        decoder = TinyDecoder(VOCAB_SIZE, 4, seed, eos_bias=-1.0)
        paths = search_one(decoder, random_encodings(8, 4, seed=seed), options)
        sequences = [tuple(path.tokens) for path in paths]
        assert len(set(sequences)) == len(sequences)
        assert set(itertools.chain(*sequences)) <= set(LABELS)
        scores = [path.score for path in paths]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("ratio", "most_labels"), [(0.1, 1), (0.5, 4), (1.0, 8), (1.2, 10)])
def test_the_greatest_length_holds(ratio: float, most_labels: int) -> None:
    decoder = TinyDecoder(VOCAB_SIZE, 4, seed=0, eos_bias=-30.0)
    encodings = random_encodings(8, 4, seed=0)
    options = DecodingOptions(beam_size=3, length_bonus=10.0, max_length_ratio=ratio)
    (path,) = search_one(decoder, encodings, options)
    assert len(path.tokens) == most_labels


def test_it_stops_when_nothing_better_can_come() -> None:
    decoder = TinyDecoder(VOCAB_SIZE, 4, seed=0, eos_bias=8.0)
    search_one(decoder, random_encodings(500, 4, seed=0), DecodingOptions(beam_size=4))
    assert decoder.steps < 5


def test_neighbours_and_padding_change_nothing() -> None:
    decoder = TinyDecoder(VOCAB_SIZE, 4, seed=3, eos_bias=-0.5)
    encodings = random_encodings(5, 9, 4, seed=3)
    lengths = torch.tensor([9, 2, 6, 1, 4])
    for row, length in enumerate(lengths.tolist()):
        encodings[row, length:] = 1e3
    options = DecodingOptions(beam_size=4, n_best=3)
    batched = attention_beam_search(decoder, encodings, lengths, SearchRequest(options))
    for row, length in enumerate(lengths.tolist()):
        alone = search_one(decoder, encodings[row, :length], options)
        assert [path.tokens for path in batched[row]] == [path.tokens for path in alone]
        expected = [path.score for path in alone]
        assert [path.score for path in batched[row]] == pytest.approx(expected, abs=1e-5)
