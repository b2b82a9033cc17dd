from __future__ import annotations

import pytest
import torch

from asr.config.decoding import DecodingOptions
from asr.decoding.base import SearchRequest
from asr.decoding.fusion import Fusion
from asr.decoding.searches.prefix_beam import prefix_beam
from asr.decoding.searches.rescoring import attention_scores, rescoring
from tests.decoding.decoding_reference import (
    SOS_EOS,
    BigramScorer,
    TinyDecoder,
    TinyModel,
    ctc_scores,
    random_encodings,
)

LENGTHS = torch.tensor([4, 2, 3])


@pytest.mark.parametrize("ctc_weight", [0.0, 0.3, 1.0])
def test_it_equals_scoring_every_sequence(ctc_weight: float) -> None:
    """The beam holds every sequence, hence the empty one too."""
    options = DecodingOptions(beam_size=4**4, ctc_weight=ctc_weight)
    for seed in range(4):
        model = TinyModel(vocab_size=4, seed=seed)
        encodings = random_encodings(3, 4, 4, seed=seed)
        found = rescoring(model, encodings, LENGTHS, SearchRequest(options))
        for row, length in enumerate(LENGTHS.tolist()):
            heard = encodings[row, :length]
            expected = {
                labels: ctc_weight * ctc + (1 - ctc_weight) * model.decoder.score(heard, labels)
                for labels, ctc in ctc_scores(model.ctc_log_probs(heard)).items()
            }
            scores = [path.score for path in found[row]]
            assert scores == sorted(scores, reverse=True)
            assert {tuple(path.tokens) for path in found[row]} == set(expected)
            for path in found[row]:
                assert path.score == pytest.approx(expected[tuple(path.tokens)], abs=1e-4)


def test_what_is_fused_counts_once() -> None:
    scorer = BigramScorer(5, seed=0)
    options = DecodingOptions(beam_size=5**4, frame_candidates=5, ctc_weight=0.3)
    model = TinyModel(vocab_size=5, seed=0)
    encodings = random_encodings(3, 4, 4, seed=0)
    request = SearchRequest(options, Fusion([(scorer, 0.5)], 0.2))
    found = rescoring(model, encodings, LENGTHS, request)
    for row, length in enumerate(LENGTHS.tolist()):
        heard = encodings[row, :length]
        expected = {
            labels: 0.3 * ctc
            + 0.7 * model.decoder.score(heard, labels)
            + 0.5 * scorer.score(labels)
            + 0.2 * len(labels)
            for labels, ctc in ctc_scores(model.ctc_log_probs(heard)).items()
            if SOS_EOS not in labels
        }
        in_order = sorted(expected, key=lambda labels: -expected[labels])
        assert [tuple(path.tokens) for path in found[row]] == in_order
        scores = [expected[labels] for labels in in_order]
        assert [path.score for path in found[row]] == pytest.approx(scores, abs=1e-4)


def test_tokens_are_those_of_the_prefix_beam() -> None:
    model = TinyModel(vocab_size=6, seed=1)
    encodings = random_encodings(2, 12, 4, seed=1)
    lengths, options = torch.tensor([12, 7]), DecodingOptions(beam_size=5)
    proposed = prefix_beam(model, encodings, lengths, SearchRequest(options))
    for ours, theirs in zip(
        rescoring(model, encodings, lengths, SearchRequest(options)), proposed, strict=True
    ):
        assert sorted(path.tokens for path in ours) == sorted(path.tokens for path in theirs)


def test_each_utterance_may_have_any_number_of_sequences() -> None:
    decoder = TinyDecoder(vocab_size=5, size=4, seed=0)
    encodings = random_encodings(3, 4, 4, seed=0)
    sequences = [[[2, 3, 4, 2]], [], [[], [4], [2, 2]]]
    scores = attention_scores(decoder, encodings, LENGTHS, sequences)
    assert [len(group) for group in scores] == [1, 0, 3]
    for row, candidates in enumerate(sequences):
        heard = encodings[row, : LENGTHS[row]]
        expected = [decoder.score(heard, tuple(tokens)) for tokens in candidates]
        assert scores[row] == pytest.approx(expected, abs=1e-5)


def test_many_sequences_are_scored_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = TinyDecoder(vocab_size=5, size=4, seed=0)
    encodings = random_encodings(3, 4, 4, seed=0)
    sequences = [[[2, 3, 4, 2], [2]], [[3, 3]], [[], [4], [2, 2]]]
    expected = attention_scores(decoder, encodings, LENGTHS, sequences)
    sizes: list[int] = []

    def counted(*inputs: torch.Tensor) -> torch.Tensor:
        sizes.append(inputs[2].numel())
        return decoder(*inputs)

    monkeypatch.setattr("asr.decoding.searches.rescoring._LABELS_AT_ONCE", 12)
    parts = attention_scores(counted, encodings, LENGTHS, sequences)  # type: ignore[arg-type]
    for ours, whole in zip(parts, expected, strict=True):
        assert ours == pytest.approx(whole, abs=1e-6)
    assert len(sizes) == 3 and max(sizes) <= 12
