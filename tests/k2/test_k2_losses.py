"""k2's CTC and LF-MMI against torch's CTC and against enumeration."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from asr.config.decoders import CTCLossParams, LfMmiLossParams
from asr.config.loading import parse_config
from asr.errors import UserError
from asr.k2.losses import ctc_loss as k2_ctc_loss
from asr.models import AsrModel
from asr.models.label_losses import LfMmiLoss, make_label_loss
from asr.models.losses import ctc_loss
from asr.models.token_bigram import token_bigram

needs_k2 = pytest.mark.needs_k2
VOCAB_SIZE = 5
TRANSCRIPTS = [[2, 3], [3, 3, 4], [4], [2, 2]]


def random_batch(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """log_probs that need gradients, lengths not in order, padded tokens and their lengths."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2.0 * torch.randn(4, 6, VOCAB_SIZE, generator=generator, dtype=torch.double)
    log_probs = logits.float().log_softmax(-1).requires_grad_()
    token_lengths = torch.tensor([len(tokens) for tokens in TRANSCRIPTS])
    tokens = torch.zeros(4, 3, dtype=torch.long)
    for row, labels in enumerate(TRANSCRIPTS):
        tokens[row, : len(labels)] = torch.tensor(labels)
    return log_probs, torch.tensor([4, 6, 3, 5]), tokens, token_lengths


def gradient(loss: Tensor, log_probs: Tensor) -> Tensor:
    return torch.autograd.grad(loss, log_probs)[0]


@needs_k2
@pytest.mark.parametrize("seed", range(3))
def test_k2_ctc_is_torch_ctc(seed: int) -> None:
    batch = random_batch(seed)
    expected, found = ctc_loss(*batch), k2_ctc_loss(*batch)
    assert found.item() == pytest.approx(expected.item(), abs=1e-4)
    # torch's gradient is that of the logits; k2's becomes it through the softmax.
    logits = batch[0].detach().requires_grad_()
    gradients = [
        gradient(loss(logits.log_softmax(-1), *batch[1:]), logits)
        for loss in (ctc_loss, k2_ctc_loss)
    ]
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-4, rtol=0)


@needs_k2
def test_k2_ctc_of_too_few_frames_is_infinite() -> None:
    log_probs, lengths, tokens, token_lengths = random_batch(0)
    lengths[3] = 2  # [2, 2] needs three
    assert ctc_loss(log_probs, lengths, tokens, token_lengths) == math.inf
    assert k2_ctc_loss(log_probs, lengths, tokens, token_lengths) == math.inf


def test_the_bigram_is_a_distribution_and_follows_the_counts() -> None:
    bigram = token_bigram(TRANSCRIPTS, VOCAB_SIZE).double().exp()
    rows = [1, 2, 3, 4]
    torch.testing.assert_close(bigram[rows][:, 1:].sum(1), torch.ones(4).double())
    # Two different tokens follow 3, once each, and 4 once: with P(4) = (2 + 1) / (12 + 4) there is
    counts = {2: 3, 3: 3, 4: 2, 1: 4}
    total = sum(counts.values()) + len(counts)
    after_three = {1: 1, 3: 1, 4: 1}
    for token in rows:
        unigram = (counts[token] + 1) / total
        expected = (after_three.get(token, 0) + 3 * unigram) / (3 + 3)
        assert float(bigram[3, token]) == pytest.approx(expected, abs=1e-6)
    unseen = token_bigram([[2]], VOCAB_SIZE).exp()[4, 1:]
    torch.testing.assert_close(unseen, torch.tensor([2.0, 2.0, 1.0, 1.0]) / 6)


def brute_force_mmi(log_probs: Tensor, tokens: list[int], bigram: Tensor, scale: float) -> Tensor:
    """LF-MMI of log_probs (T, V) by enumerating every sequence of frame symbols."""
    numerator, denominator = [], []
    for alignment in itertools.product(range(VOCAB_SIZE), repeat=len(log_probs)):
        if 1 in alignment:
            continue
        said = [symbol for symbol, _ in itertools.groupby(alignment) if symbol]
        score = sum(log_probs[frame, symbol] for frame, symbol in enumerate(alignment))
        for before, after in itertools.pairwise([1, *said, 1]):
            score = score + bigram[before, after]
        denominator.append(score)
        if said == tokens:
            numerator.append(score)
    return scale * torch.stack(denominator).logsumexp(0) - torch.stack(numerator).logsumexp(0)


@needs_k2
@pytest.mark.parametrize("scale", [1.0, 0.7])
@pytest.mark.parametrize("implementation", ["torch", "k2"])
def test_lf_mmi_is_the_enumerated_one(scale: float, implementation: str) -> None:
    log_probs, lengths, tokens, token_lengths = random_batch(4)
    lengths = lengths.clamp(max=5)
    params = LfMmiLossParams(
        den_scale=scale, search_beam=1000, lattice_beam=1000, ctc_implementation=implementation
    )
    loss = LfMmiLoss(params, VOCAB_SIZE)
    loss.bigram.copy_(token_bigram(TRANSCRIPTS, VOCAB_SIZE))
    logits = log_probs.detach().requires_grad_()
    found = loss(logits.log_softmax(-1), lengths, tokens, token_lengths)
    normalised = logits.log_softmax(-1)
    rows = zip(normalised, lengths, TRANSCRIPTS, strict=True)
    expected = torch.stack(
        [brute_force_mmi(row[:length], labels, loss.bigram, scale) for row, length, labels in rows]
    ).sum()
    assert found.item() == pytest.approx(expected.item(), abs=1e-3)
    assert scale < 1 or found.item() > 0
    torch.testing.assert_close(
        gradient(found, logits), gradient(expected, logits), atol=1e-4, rtol=0
    )


@needs_k2
def test_lf_mmi_follows_a_bigram_that_is_loaded() -> None:
    batch = random_batch(1)
    first, second = LfMmiLoss(LfMmiLossParams(), 5), LfMmiLoss(LfMmiLossParams(), 5)
    first.bigram.copy_(token_bigram(TRANSCRIPTS, VOCAB_SIZE))
    before = second(*batch).item()
    second.load_state_dict(first.state_dict())
    assert second(*batch).item() == first(*batch).item() != before


@needs_k2
def test_a_model_learns_with_lf_mmi() -> None:
    encoder = {"encoder_layers": 1, "hidden_size": 16, "num_heads": 2, "dropout": 0.0}
    names = {"encoder": "TransformerEncoder", "decoder": "CTCDecoder", "loss": "LfMmiLoss"}
    config = parse_config({**names, "encoder_params": encoder}, "a conf")
    torch.manual_seed(0)
    model = AsrModel(config, VOCAB_SIZE)
    assert isinstance(model.label_loss, LfMmiLoss)
    model.label_loss.bigram.copy_(token_bigram(TRANSCRIPTS, VOCAB_SIZE))
    _, _, tokens, token_lengths = random_batch(0)
    features, lengths = torch.randn(4, 40, 80), torch.tensor([40, 36, 32, 40])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(8):
        evaluation = model(features, lengths, tokens, token_lengths)
        optimizer.zero_grad()
        evaluation.losses["loss"].backward()
        optimizer.step()
        losses.append(float(evaluation.losses["mmi"]))
    assert losses[-1] < 0.5 * losses[0]


def test_the_loss_is_chosen_by_the_configuration() -> None:
    assert make_label_loss(CTCLossParams(), 5).name == "ctc"
    assert make_label_loss(LfMmiLossParams(), 5).name == "mmi"


def test_lf_mmi_of_a_vocabulary_too_large_for_its_graph() -> None:
    with pytest.raises(UserError, match=r"with 5001 tokens\. Use at most 5000 tokens, or CTCLoss"):
        LfMmiLoss(LfMmiLossParams(), 5001)
