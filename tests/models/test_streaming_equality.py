"""Chunk by chunk equals masked equals, padded or alone: the contract of every encoder."""

from __future__ import annotations

import random

import pytest
import torch

from asr.config.encoders import ConformerEncoderParams, EncoderParams, TransformerEncoderParams
from asr.models import Chunking
from asr.models.encoders import ENCODER_CLASSES, Encoder, split_state, stack_states

NUM_FEATURES = 20
POSITIONS = ("absolute", "relative", "rotary")


def make_encoder(kind: str, position: str, factor: int = 4, **extra: object) -> Encoder:
    torch.manual_seed(7)
    params_class = ConformerEncoderParams if kind.startswith("Conf") else TransformerEncoderParams
    params: EncoderParams = params_class(
        encoder_layers=2,
        hidden_size=32,
        num_heads=4,
        feedforward_size=48,
        subsampling_channels=8,
        subsampling_factor=factor,
        position=position,
        **extra,
    )
    encoder = ENCODER_CLASSES[kind](NUM_FEATURES, params).eval()
    for parameter in encoder.parameters():  # zero-initialised biases would hide mistakes
        torch.nn.init.normal_(parameter, std=0.3)
    return encoder


KINDS = [
    pytest.param("TransformerEncoder", {}, id="transformer"),
    pytest.param("ConformerEncoder", {"kernel_size": 7}, id="conformer-symmetric"),
    pytest.param(
        "ConformerEncoder", {"kernel_size": 7, "causal_convolution": True}, id="conformer-causal"
    ),
]


@torch.no_grad()
def stream(encoder: Encoder, features: torch.Tensor, chunking: Chunking) -> torch.Tensor:
    state = encoder.initial_state(len(features), chunking)
    size = chunking.chunk_size * encoder.subsampling_factor
    outputs = []
    for start in range(0, features.size(1), size):
        output, state = encoder.step(features[:, start : start + size], state)
        outputs.append(output)
    return torch.cat(outputs, dim=1)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("kind", "extra"), KINDS)
@pytest.mark.parametrize("factor", [2, 4, 6, 8])
def test_steps_equal_masked_forward(kind: str, extra: dict, position: str, factor: int) -> None:
    encoder = make_encoder(kind, position, factor, **extra)
    rng = random.Random(f"{kind}{position}{factor}")
    for _ in range(6):
        num_frames = rng.randint(factor, 40 * factor)
        chunking = Chunking(rng.randint(1, 12), rng.choice([-1, 0, 1, 2, 5]))
        features = torch.randn(2, num_frames, NUM_FEATURES)
        lengths = torch.tensor([num_frames, num_frames])
        with torch.no_grad():
            expected, expected_lengths = encoder(features, lengths, chunking)
        assert expected_lengths.tolist() == [num_frames // factor] * 2
        streamed = stream(encoder, features, chunking)
        torch.testing.assert_close(streamed, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("kind", "extra"), KINDS)
def test_one_step_equals_full_context(kind: str, extra: dict, position: str) -> None:
    encoder = make_encoder(kind, position, **extra)
    features = torch.randn(1, 101, NUM_FEATURES)
    with torch.no_grad():
        expected, _ = encoder(features, torch.tensor([101]))
        streamed, _ = encoder.step(features, encoder.initial_state(1))
    torch.testing.assert_close(streamed, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("kind", "extra"), KINDS)
def test_streams_may_end_within_a_chunk(kind: str, extra: dict, position: str) -> None:
    encoder = make_encoder(kind, position, **extra)
    chunking = Chunking(4, 2)
    lengths = torch.tensor([64, 41, 7, 22])
    features = torch.randn(4, 64, NUM_FEATURES)
    state = encoder.initial_state(4, chunking)
    outputs = []
    with torch.no_grad():
        expected, encoded_lengths = encoder(features, lengths, chunking)
        for start in range(0, 64, 16):
            valid = (lengths - start).clamp(0, 16)
            output, state = encoder.step(features[:, start : start + 16], state, valid)
            outputs.append(output)
    streamed = torch.cat(outputs, dim=1)
    for row, length in enumerate(encoded_lengths.tolist()):
        torch.testing.assert_close(
            streamed[row, :length], expected[row, :length], atol=1e-4, rtol=0
        )


@pytest.mark.parametrize("chunking", [None, Chunking(5, 1), Chunking(1, -1)], ids=str)
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("kind", "extra"), KINDS)
def test_padding_changes_nothing(
    kind: str, extra: dict, position: str, chunking: Chunking | None
) -> None:
    encoder = make_encoder(kind, position, **extra)
    lengths = torch.tensor([90, 33, 61, 4])
    features = torch.randn(4, 90, NUM_FEATURES) * 3.0
    for row, length in enumerate(lengths.tolist()):
        features[row, length:] = 50.0  # loud garbage, not zeros
    with torch.no_grad():
        batched, encoded_lengths = encoder(features, lengths, chunking)
        assert torch.isfinite(batched).all()
        for row, length in enumerate(lengths.tolist()):
            alone, _ = encoder(features[row : row + 1, :length], lengths[row : row + 1], chunking)
            assert alone.size(1) == encoded_lengths[row]
            torch.testing.assert_close(
                batched[row, : alone.size(1)], alone[0], atol=1e-5, rtol=1e-5
            )


@pytest.mark.parametrize(("kind", "extra"), KINDS)
def test_a_chunk_never_sees_the_next(kind: str, extra: dict) -> None:
    encoder = make_encoder(kind, "relative", **extra)
    features = torch.randn(1, 80, NUM_FEATURES)
    changed = features.clone()
    changed[:, 48:] += 1.0  # from the fourth chunk of 4 encodings on
    lengths = torch.tensor([80])
    with torch.no_grad():
        before, _ = encoder(features, lengths, Chunking(4, -1))
        after, _ = encoder(changed, lengths, Chunking(4, -1))
    torch.testing.assert_close(before[:, :12], after[:, :12], atol=0, rtol=0)
    assert not torch.allclose(before[:, 12:], after[:, 12:])


@pytest.mark.parametrize("kind", ["TransformerEncoder", "ConformerEncoder"])
def test_left_context_bounds_the_cache(kind: str) -> None:
    encoder = make_encoder(kind, "rotary")
    state = encoder.initial_state(1, Chunking(4, 3))
    for _ in range(10):
        _, state = encoder.step(torch.randn(1, 16, NUM_FEATURES), state)
        assert state.blocks[0].keys_values[0].size(2) <= 12
    assert state.offset.tolist() == [40]


@pytest.mark.parametrize("factor", [2, 4, 6, 8])
def test_output_lengths_are_exact(factor: int) -> None:
    encoder = make_encoder("TransformerEncoder", "absolute", factor)
    for num_frames in range(40):
        lengths = torch.tensor([num_frames])
        encodings, encoded_lengths = encoder(torch.randn(1, num_frames, NUM_FEATURES), lengths)
        assert encodings.size(1) == encoded_lengths.item() == encoder.output_lengths(lengths).item()


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("kind", "extra"), KINDS)
@pytest.mark.parametrize("left_chunks", [-1, 0, 2])
def test_streams_of_different_pasts_step_as_one_batch(
    kind: str, extra: dict, position: str, left_chunks: int
) -> None:
    """Streams join a batch at any time, leave it, and get what they get alone."""
    encoder = make_encoder(kind, position, **extra)
    chunking = Chunking(3, left_chunks)
    features = torch.randn(4, 10 * 12, NUM_FEATURES)
    alone = [stream(encoder, row[None], chunking) for row in features]
    states = [encoder.initial_state(1, chunking) for _ in features]
    given = [0] * len(features)
    rng = random.Random(f"{kind}{position}{left_chunks}")
    for _ in range(10):
        rows = sorted(rng.sample(range(4), rng.randint(1, 4)))
        rows = [row for row in rows if given[row] < 10]
        if not rows:
            continue
        chunks = torch.stack([features[row, given[row] * 12 :][:12] for row in rows])
        with torch.no_grad():
            output, state = encoder.step(chunks, stack_states([states[row] for row in rows]))
        for row, encodings, following in zip(rows, output, split_state(state), strict=True):
            expected = alone[row][0, given[row] * 3 :][:3]
            torch.testing.assert_close(encodings, expected, atol=1e-5, rtol=1e-5)
            states[row] = following
            given[row] += 1
    for state, chunks_given in zip(states, given, strict=True):
        kept = state.blocks[0].keys_values[0]
        assert kept.size(2) == 3 * (
            chunks_given if left_chunks < 0 else min(chunks_given, left_chunks)
        )
        assert kept.untyped_storage().nbytes() == kept.nbytes  # and not those of the batch


def test_states_of_different_left_contexts_do_not_stack() -> None:
    encoder = make_encoder("TransformerEncoder", "absolute")
    with pytest.raises(ValueError, match="left contexts"):
        stack_states([encoder.initial_state(1, Chunking(4, left)) for left in (1, 2)])
    with pytest.raises(ValueError, match="one or more"):
        stack_states([])
