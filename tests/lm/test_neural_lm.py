"""Neural language models: whole sequences, label by label, and any order of a search agree."""

from __future__ import annotations

import random

import pytest
import torch

from asr.config.language_model import LstmLmParams, TransformerLmParams
from asr.decoding.fusion import NO_LABEL, Fusion, score_sequences
from asr.lm.lstm import LstmLm
from asr.lm.neural import NeuralLm
from asr.lm.scorer import NeuralLmScorer
from asr.lm.transformer import TransformerLm
from asr.text.symbols import SOS_EOS_ID

CPU = torch.device("cpu")
VOCAB_SIZE = 13


def make_model(kind: str, tied: bool = True) -> NeuralLm:
    """A model whose predictions depend on everything before: random weights, not small ones."""
    torch.manual_seed(0)
    shared = {"hidden_size": 16, "tie_embeddings": tied}
    model: NeuralLm = (
        LstmLm(VOCAB_SIZE, LstmLmParams(hidden_layers=2, **shared))
        if kind == "lstm"
        else TransformerLm(
            VOCAB_SIZE,
            TransformerLmParams(hidden_layers=3, num_heads=2, feedforward_size=32, **shared),
        )
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    return model.eval()


@pytest.fixture(params=["lstm", "transformer"])
def model(request: pytest.FixtureRequest) -> NeuralLm:
    return make_model(request.param)


def forward_log_probs(model: NeuralLm, labels: tuple[int, ...]) -> torch.Tensor:
    """Return (V,) of the label after `labels`, by one teacher-forced pass over them alone."""
    with torch.inference_mode():
        logits = model(torch.tensor([[SOS_EOS_ID, *labels]]))
    return logits[0, -1].log_softmax(dim=-1)


def random_labels(rng: random.Random, longest: int) -> list[int]:
    return [rng.randrange(2, VOCAB_SIZE) for _ in range(rng.randint(0, longest))]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_step_by_step_equals_the_whole(kind: str, tied: bool) -> None:
    model = make_model(kind, tied)
    tokens = torch.randint(2, VOCAB_SIZE, (3, 20))
    inputs = torch.cat([torch.full((3, 1), SOS_EOS_ID), tokens], dim=1)
    with torch.inference_mode():
        expected = model(inputs).log_softmax(dim=-1)
        state = model.initial_state(3, CPU)
        steps = [state.log_probs]
        for position in range(20):
            state = model.advance(state, torch.arange(3), tokens[:, position])
            steps.append(state.log_probs)
    torch.testing.assert_close(torch.stack(steps, dim=1), expected, atol=1e-4, rtol=0)


def test_later_labels_and_padding_change_nothing(model: NeuralLm) -> None:
    tokens = torch.randint(2, VOCAB_SIZE, (2, 9))
    with torch.inference_mode():
        whole, first = model(tokens), model(tokens[:1, :5])
    torch.testing.assert_close(whole[:1, :5], first, atol=1e-5, rtol=0)


def test_any_order_of_a_search_gives_the_scores_of_the_labels_alone(model: NeuralLm) -> None:
    """Hypotheses are repeated, reordered, dropped, of unequal lengths, and some stay for long."""
    rng = random.Random(1)
    scorer = NeuralLmScorer(model)
    state = scorer.initial_state(4, CPU)
    hypotheses: list[tuple[int, ...]] = [()] * 4
    for _ in range(60):
        count = rng.randint(1, 6)
        rows = [rng.randrange(len(hypotheses)) for _ in range(count)]
        labels = [rng.choice([NO_LABEL, rng.randrange(2, VOCAB_SIZE)]) for _ in range(count)]
        before, earlier = scorer.gains(state, None).clone(), state
        state = scorer.advance(state, torch.tensor(rows), torch.tensor(labels))
        assert torch.equal(scorer.gains(earlier, None), before)
        hypotheses = [
            hypotheses[row] + (() if label == NO_LABEL else (label,))
            for row, label in zip(rows, labels, strict=True)
        ]
        expected = torch.stack([forward_log_probs(model, labels) for labels in hypotheses])
        candidates = torch.randint(0, VOCAB_SIZE, (count, 3))
        torch.testing.assert_close(scorer.gains(state, None), expected, atol=1e-4, rtol=0)
        assert torch.equal(
            scorer.gains(state, candidates), scorer.gains(state, None).gather(1, candidates)
        )
        assert torch.equal(scorer.final_gains(state), scorer.gains(state, None)[:, SOS_EOS_ID])
    assert max(map(len, hypotheses)) > 10


def test_a_state_may_be_advanced_twice(model: NeuralLm) -> None:
    scorer = NeuralLmScorer(model)
    rows = torch.arange(2)
    state = scorer.advance(scorer.initial_state(2, CPU), rows, torch.tensor([3, 4]))
    one = scorer.advance(state, rows, torch.tensor([5, 6]))
    other = scorer.advance(state, rows, torch.tensor([7, 8]))
    for left, labels in ((one, [(3, 5), (4, 6)]), (other, [(3, 7), (4, 8)])):
        following = scorer.advance(left, rows, torch.tensor([9, 9]))
        expected = torch.stack([forward_log_probs(model, (*one, 9)) for one in labels])
        torch.testing.assert_close(scorer.gains(following, None), expected, atol=1e-4, rtol=0)


def test_the_network_runs_for_new_labels_only(
    model: NeuralLm, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = NeuralLmScorer(model)
    state = scorer.initial_state(5, CPU)
    read, sizes = model.read, []

    def counting(memory, moving, labels):  # type: ignore[no-untyped-def]
        sizes.append(len(moving))
        return read(memory, moving, labels)

    monkeypatch.setattr(model, "read", counting)
    rows = torch.arange(5)
    state = scorer.advance(state, rows, torch.tensor([NO_LABEL, 3, NO_LABEL, 4, NO_LABEL]))
    scorer.advance(state, rows.flip(0), torch.full((5,), NO_LABEL))
    for _ in range(3):
        scorer.gains(state, None)
    assert sizes == [2]


def test_whole_sequences_equal_the_sums_of_their_labels(model: NeuralLm) -> None:
    rng = random.Random(2)
    sequences = [random_labels(rng, 30) for _ in range(25)] + [[], [5]]
    scorer = NeuralLmScorer(model)
    scores = scorer.score_whole(sequences, CPU)
    expected = [
        sum(
            float(forward_log_probs(model, tuple(labels[:position]))[label])
            for position, label in enumerate([*labels, SOS_EOS_ID])
        )
        for labels in sequences
    ]
    assert scores.tolist() == pytest.approx(expected, abs=1e-3)
    fused = score_sequences(Fusion([(scorer, 0.5)], label_bonus=0.25), sequences, CPU)
    bonus = torch.tensor([0.25 * len(labels) for labels in sequences])
    torch.testing.assert_close(fused, 0.5 * scores + bonus, atol=1e-4, rtol=0)
    assert scorer.score_whole([], CPU).shape == (0,)
    torch.testing.assert_close(scorer.score_whole([[]], CPU), scores[-2:-1])


def test_a_long_search_needs_room_for_its_own_labels_only() -> None:
    model = make_model("transformer")
    assert isinstance(model, TransformerLm)
    scorer = NeuralLmScorer(model)
    state = scorer.initial_state(4, CPU)
    rng = random.Random(3)
    for _ in range(300):  # every hypothesis goes back to the first one's labels again and again
        rows = torch.tensor([0, 0, 0, 0])
        grows = rng.random() < 0.1
        labels = [rng.randrange(2, VOCAB_SIZE) if grows else NO_LABEL, 4, 5, 6]
        state = scorer.advance(state, rows, torch.tensor(labels))
    length = int(state.memory.lengths[0])
    assert length > 15
    assert len(state.memory.store.entries) < 8 * (length + 4)
