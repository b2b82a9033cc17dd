"""Chunk by chunk equals masked equals, padded or alone: the contract of every encoder."""

from __future__ import annotations

import random

import pytest
import torch

from asr.config.encoders import ConformerEncoderParams, EncoderParams, TransformerEncoderParams
from asr.models import Chunking
from asr.models.encoders import ENCODER_CLASSES, Encoder, EncoderState, split_state, stack_states

NUM_FEATURES = 20
POSITIONS = ("absolute", "relative", "rotary")


def make_encoder(kind: str, position: str, factor: int = 4, **extra: object) -> Encoder:
    torch.manual_seed(7)
    params_class = ConformerEncoderParams if kind.startswith("Conf") else TransformerEncoderParams
    sizes = {
        "encoder_layers": 2,
        "hidden_size": 32,
        "num_heads": 4,
        "feedforward_size": 48,
        "subsampling_channels": 8,
        "subsampling_factor": factor,
    }
    params: EncoderParams = params_class(position=position, **{**sizes, **extra})
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
    ahead = chunking.lookahead * encoder.subsampling_factor
    outputs = []
    for start in range(0, features.size(1), size):
        following = features[:, start + size :][:, :ahead]
        chunk = features[:, start : start + size]
        output, state = encoder.step(chunk, state, lookahead=following if ahead else None)
        outputs.append(output)
    return torch.cat(outputs, dim=1)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("kind", "extra"), KINDS)
@pytest.mark.parametrize("factor", [2, 4, 6, 8])
def test_steps_equal_masked_forward(kind: str, extra: dict, position: str, factor: int) -> None:
    encoder = make_encoder(kind, position, factor, **extra)
    rng = random.Random(f"{kind}{position}{factor}")
    for _ in range(8):
        num_frames = rng.randint(factor, 40 * factor)
        left_chunks = rng.choice([-1, 0, 1, 2, 5, (0, 2), (1, -1), (3, 1)])
        chunking = Chunking(rng.randint(1, 12), left_chunks, rng.choice([0, 0, 1, 3, 7]))
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
@pytest.mark.parametrize("lookahead", [0, 3])
def test_streams_may_end_within_a_chunk(
    kind: str, extra: dict, position: str, lookahead: int
) -> None:
    encoder = make_encoder(kind, position, **extra)
    chunking = Chunking(4, 2, lookahead)
    lengths = torch.tensor([64, 41, 7, 22])
    features = torch.randn(4, 64, NUM_FEATURES)
    state = encoder.initial_state(4, chunking)
    outputs = []
    with torch.no_grad():
        expected, encoded_lengths = encoder(features, lengths, chunking)
        for start in range(0, 64, 16):
            end = start + 16
            ahead = features[:, end : end + 4 * lookahead]
            valid = (lengths - start).clamp(0, 16 + 4 * lookahead)
            output, state = encoder.step(features[:, start:end], state, valid, ahead)
            outputs.append(output)
    streamed = torch.cat(outputs, dim=1)
    for row, length in enumerate(encoded_lengths.tolist()):
        torch.testing.assert_close(
            streamed[row, :length], expected[row, :length], atol=1e-4, rtol=0
        )


@pytest.mark.parametrize(
    "chunking", [None, Chunking(5, (0, 1)), Chunking(1, -1), Chunking(3, 1, 2)], ids=str
)
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


@torch.no_grad()
def frames_that_change(encoder: Encoder, chunking: Chunking, changed_frame: int) -> list[int]:
    """Return the encodings of 20 that depend on the features of one encoder frame."""
    features = torch.randn(1, 20 * encoder.subsampling_factor, NUM_FEATURES)
    changed = features.clone()
    changed[:, changed_frame * encoder.subsampling_factor :][:, : encoder.subsampling_factor] += 1.0
    lengths = torch.tensor([features.size(1)])
    before, _ = encoder(features, lengths, chunking)
    after, _ = encoder(changed, lengths, chunking)
    return (before != after).any(dim=2)[0].nonzero().flatten().tolist()


@pytest.mark.parametrize(("kind", "extra"), KINDS)
def test_a_chunk_sees_no_further_than_its_lookahead(kind: str, extra: dict) -> None:
    encoder = make_encoder(kind, "relative", **extra)
    assert frames_that_change(encoder, Chunking(4), 12) == list(range(12, 20))
    # However many layers there are, the frame is seen from the chunk before it and no other.
    assert frames_that_change(encoder, Chunking(4, lookahead=2), 12) == list(range(8, 20))
    assert frames_that_change(encoder, Chunking(4, lookahead=2), 14) == list(range(12, 20))


def test_information_flows_layer_by_layer() -> None:
    """A chunk depends on the chunks that its layers see, added up over the layers."""
    encoder = make_encoder("TransformerEncoder", "rotary", encoder_layers=3)

    def last_chunk_that_knows(left_chunks: int | tuple[int, ...]) -> int:
        """Of the first frame."""
        return max(frames_that_change(encoder, Chunking(2, left_chunks), 0)) // 2

    assert last_chunk_that_knows(0) == 0
    assert last_chunk_that_knows(1) == 3
    assert last_chunk_that_knows((0, 0, 1)) == 1
    assert last_chunk_that_knows((0, 1, 2)) == 3
    assert last_chunk_that_knows((1, 2, 3)) == 6


@pytest.mark.parametrize("kind", ["TransformerEncoder", "ConformerEncoder"])
@pytest.mark.parametrize("lookahead", [0, 2])
def test_left_context_bounds_the_cache_of_each_layer(kind: str, lookahead: int) -> None:
    encoder = make_encoder(kind, "rotary")
    state = encoder.initial_state(1, Chunking(4, (1, 3), lookahead))
    for _ in range(10):
        ahead = torch.randn(1, 4 * lookahead, NUM_FEATURES)
        _, state = encoder.step(torch.randn(1, 16, NUM_FEATURES), state, lookahead=ahead)
        sizes = [block.keys_values[0].size(2) for block in state.blocks]
        assert sizes[0] <= 4 and sizes[1] <= 12
    assert sizes == [4, 12]
    assert state.offset.tolist() == [40]


def test_lookahead_follows_a_whole_chunk() -> None:
    encoder = make_encoder("TransformerEncoder", "absolute")
    ahead = torch.randn(1, 4, NUM_FEATURES)
    with pytest.raises(ValueError, match="no whole chunk"):
        encoder.step(torch.randn(1, 6, NUM_FEATURES), encoder.initial_state(1), lookahead=ahead)


@pytest.mark.parametrize("factor", [2, 4, 6, 8])
def test_output_lengths_are_exact(factor: int) -> None:
    encoder = make_encoder("TransformerEncoder", "absolute", factor)
    for num_frames in range(40):
        lengths = torch.tensor([num_frames])
        encodings, encoded_lengths = encoder(torch.randn(1, num_frames, NUM_FEATURES), lengths)
        assert encodings.size(1) == encoded_lengths.item() == encoder.output_lengths(lengths).item()


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("kind", "extra"), KINDS)
@pytest.mark.parametrize(
    "chunking",
    [Chunking(3), Chunking(3, 0), Chunking(3, 2), Chunking(3, (1, 3)), Chunking(3, 1, 2)],
    ids=str,
)
def test_streams_of_different_pasts_step_as_one_batch(
    kind: str, extra: dict, position: str, chunking: Chunking
) -> None:
    """Streams join a batch at any time, leave it, and get what they get alone."""
    encoder = make_encoder(kind, position, **extra)
    features = torch.randn(4, 10 * 12, NUM_FEATURES)
    alone = [stream(encoder, row[None], chunking) for row in features]
    states = [encoder.initial_state(1, chunking) for _ in features]
    given = [0] * len(features)
    rng = random.Random(f"{kind}{position}{chunking}")
    while min(given) < 10:
        waiting = [row for row in range(4) if given[row] < 10]
        rows = rng.sample(waiting, rng.randint(1, len(waiting)))
        output, state = step_together(encoder, chunking, features, states, rows, given)
        for row, encodings, following in zip(rows, output, split_state(state), strict=True):
            expected = alone[row][0, given[row] * 3 :][:3]
            torch.testing.assert_close(encodings, expected, atol=1e-5, rtol=1e-5)
            states[row] = following
            given[row] += 1
            past = 3 * given[row]
            for block, left in zip(following.blocks, chunking.left_contexts(2), strict=True):
                kept = block.keys_values[0]
                assert kept.size(2) == (past if left < 0 else min(past, left))
                assert kept.untyped_storage().nbytes() == kept.nbytes  # not those of the batch


@torch.no_grad()
def step_together(
    encoder: Encoder,
    chunking: Chunking,
    features: torch.Tensor,
    states: list[EncoderState],
    rows: list[int],
    given: list[int],
) -> tuple[torch.Tensor, EncoderState]:
    """Give the chunk after `given` chunks, and what it looks ahead to, to the streams of `rows`."""
    size, ahead = 4 * chunking.chunk_size, 4 * chunking.lookahead
    starts = [size * given[row] for row in rows]
    windows = [features[row, at:][: size + ahead] for row, at in zip(rows, starts, strict=True)]
    lengths = torch.tensor([len(window) for window in windows])
    padded = torch.nn.utils.rnn.pad_sequence(windows, batch_first=True, padding_value=9.0)
    state = stack_states([states[row] for row in rows])
    return encoder.step(padded[:, :size], state, lengths, padded[:, size:])


def test_states_of_different_left_contexts_do_not_stack() -> None:
    encoder = make_encoder("TransformerEncoder", "absolute")
    with pytest.raises(ValueError, match="left contexts"):
        stack_states([encoder.initial_state(1, Chunking(4, left)) for left in (1, 2)])
    with pytest.raises(ValueError, match="one or more"):
        stack_states([])
