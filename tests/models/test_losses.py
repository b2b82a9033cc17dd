"""The losses against enumeration and plain formulas."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from asr.config.loading import parse_config
from asr.config.schema import ExperimentConfig
from asr.models import AsrModel
from asr.models.losses import attention_loss, attention_targets, consistency_loss, ctc_loss


def small_config(**changes: object) -> ExperimentConfig:
    data = {
        "features_params": {"num_mel_bins": 16},
        "encoder": "TransformerEncoder",
        "encoder_params": {
            "encoder_layers": 2,
            "hidden_size": 16,
            "num_heads": 2,
            "feedforward_size": 32,
            "subsampling_channels": 4,
            "dropout": 0.0,
        },
        "decoder_params": {
            "ctc_decoder_params": {"dropout": 0.0},
            "attn_decoder_params": {"hidden_layers": 1, "num_heads": 2, "dropout": 0.0},
        },
    }
    for key, value in changes.items():
        data[key] = {**data.get(key, {}), **value} if isinstance(value, dict) else value
    return parse_config(data, "test")


def test_ctc_loss_equals_the_sum_over_alignments() -> None:
    torch.manual_seed(0)
    log_probs = torch.randn(2, 5, 3, dtype=torch.float64).log_softmax(-1)
    lengths, token_lengths = torch.tensor([5, 3]), torch.tensor([2, 1])
    tokens = torch.tensor([[1, 1], [2, 0]])
    expected = 0.0
    for row in range(2):
        wanted = tokens[row, : token_lengths[row]].tolist()
        total = 0.0
        for path in itertools.product(range(3), repeat=int(lengths[row])):
            if [key for key, _ in itertools.groupby(path) if key] == wanted:
                total += sum(log_probs[row, t, v] for t, v in enumerate(path)).exp()
        expected -= torch.as_tensor(total).log()
    assert ctc_loss(log_probs, lengths, tokens, token_lengths) == pytest.approx(expected.item())


def test_attention_targets() -> None:
    tokens = torch.tensor([[5, 6, 7], [8, 0, 0]])
    inputs, targets = attention_targets(tokens, torch.tensor([3, 1]), sos_eos=1)
    assert inputs.tolist() == [[1, 5, 6, 7], [1, 8, 0, 0]]
    assert targets.tolist() == [[5, 6, 7, 1], [8, 1, -100, -100]]


def test_label_smoothing_is_a_mix_with_the_uniform_distribution() -> None:
    torch.manual_seed(1)
    logits = torch.randn(2, 3, 7)
    targets = torch.tensor([[1, 2, 3], [4, -100, -100]])
    expected = 0.0
    for row, position in ((0, 0), (0, 1), (0, 2), (1, 0)):
        log_probs = logits[row, position].log_softmax(-1)
        target = F.one_hot(targets[row, position], 7) * 0.9 + 0.1 / 7
        expected -= float((target * log_probs).sum())
    assert attention_loss(logits, targets, 0.1).item() == pytest.approx(expected, rel=1e-5)


def test_consistency_is_half_of_both_divergences_and_stops_at_targets() -> None:
    torch.manual_seed(2)
    logits = torch.randn(4, 3, 5, requires_grad=True)  # two utterances, two views
    log_probs = logits.log_softmax(-1)
    lengths = torch.tensor([3, 2, 3, 2])
    loss = consistency_loss(log_probs, lengths)
    expected = 0.0
    for row, length in ((0, 3), (1, 2)):
        first, second = log_probs[row, :length], log_probs[row + 2, :length]
        expected += 0.5 * F.kl_div(first, second, log_target=True, reduction="sum")
        expected += 0.5 * F.kl_div(second, first, log_target=True, reduction="sum")
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    # Through the detached target, d/dz of KL(p || softmax(z)) is softmax(z) - p, and nothing else.
    (gradient,) = torch.autograd.grad(loss, logits)
    wanted = 0.5 * (log_probs[0].exp() - log_probs[2].exp())
    torch.testing.assert_close(gradient[0], wanted, atol=1e-6, rtol=1e-4)


def test_hybrid_loss_weighs_its_parts() -> None:
    model = AsrModel(small_config(loss_params={"lambda_value": 0.3}), vocab_size=9)
    features, lengths = torch.randn(2, 60, 16), torch.tensor([60, 44])
    tokens, token_lengths = torch.tensor([[3, 4, 5], [6, 6, 0]]), torch.tensor([3, 2])
    losses = model(features, lengths, tokens, token_lengths).losses
    expected = 0.3 * losses["ctc"] + 0.7 * losses["attention"]
    torch.testing.assert_close(losses["loss"].detach(), expected)


def test_two_equal_views_cost_what_one_does() -> None:
    config = small_config(loss_params={"consistency_weight": 0.2})
    model = AsrModel(config, vocab_size=9)
    features, lengths = torch.randn(2, 60, 16), torch.tensor([60, 44])
    tokens, token_lengths = torch.tensor([[3, 4, 5], [6, 6, 0]]), torch.tensor([3, 2])
    one = model(features, lengths, tokens, token_lengths).losses
    two = model(features.repeat(2, 1, 1), lengths.repeat(2), tokens, token_lengths).losses
    assert two["consistency"].item() == pytest.approx(0.0, abs=1e-5)
    torch.testing.assert_close(two["loss"], one["loss"], rtol=1e-5, atol=1e-5)
    other = features + 0.3 * torch.randn_like(features)
    differing = model(torch.cat([features, other]), lengths.repeat(2), tokens, token_lengths).losses
    assert differing["consistency"] > 0


def test_intermediate_ctc_takes_its_share() -> None:
    config = small_config(
        encoder_params={"intermediate_ctc_layers": [1]},
        loss_params={"lambda_value": 1.0, "intermediate_weight": 0.25},
    )
    model = AsrModel(config, vocab_size=9)
    features, lengths = torch.randn(1, 60, 16), torch.tensor([60])
    losses = model(features, lengths, torch.tensor([[3, 4, 5]]), torch.tensor([3])).losses
    expected = 0.75 * losses["ctc"] + 0.25 * losses["intermediate"]
    torch.testing.assert_close(losses["loss"].detach(), expected)
    assert losses["intermediate"] != losses["ctc"]
