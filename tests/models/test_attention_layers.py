"""Attention and positions against torch's own module and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from asr.config.decoders import TransformerDecoderParams
from asr.config.encoders import ChunkingParams
from asr.models.chunking import Chunking, chunking_of, draw_chunking, trained_chunking
from asr.models.decoders import TransformerDecoder
from asr.models.layers.attention import MultiHeadAttention
from asr.models.layers.positions import Distances, Rotation, sinusoids
from asr.models.masks import Layout, attention_mask


def test_attention_equals_torch() -> None:
    torch.manual_seed(0)
    ours = MultiHeadAttention(24, 3, dropout=0.0)
    theirs = torch.nn.MultiheadAttention(24, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key_value.bias]))
        theirs.out_proj.weight.copy_(ours.output.weight)
        theirs.out_proj.bias.copy_(ours.output.bias)
    x, memory = torch.randn(2, 5, 24), torch.randn(2, 9, 24)
    hidden = torch.zeros(2, 9, dtype=torch.bool)
    hidden[1, 6:] = True
    found = ours(x, ours.project(memory), ~hidden[:, None, None, :])
    expected, expected_weights = theirs(x, memory, memory, key_padding_mask=hidden)
    torch.testing.assert_close(found, expected)
    weights = ours.weights(x, ours.project(memory)[0], ~hidden[:, None, None, :])
    torch.testing.assert_close(weights, expected_weights)


def test_relative_attention_equals_the_formula() -> None:
    """Dai et al. 2019, eq. in section 3.3, one query and key at a time; 3 frames are cached."""
    torch.manual_seed(1)
    heads, size, num_queries, num_keys = 2, 8, 4, 7
    layer = MultiHeadAttention(size, heads, dropout=0.0, relative=True)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    memory = torch.randn(1, num_keys, size)
    x = memory[:, -num_queries:]
    distances = Distances.to_the_end(num_queries, num_keys, size, memory)
    found = layer(x, layer.project(memory), None, distances=distances)
    from_longer = Distances.to_the_end(num_queries, num_keys + 5, size, memory)
    torch.testing.assert_close(layer(x, layer.project(memory), None, distances=from_longer), found)

    keys, values = layer.project(memory)
    queries = layer.query(x).view(num_queries, heads, size // heads)
    outputs = torch.zeros(num_queries, size)
    for head in range(heads):
        for i in range(num_queries):
            scores = []
            for j in range(num_keys):
                distance = num_keys - num_queries + i - j
                embedded = layer.distance(sinusoids(torch.tensor(distance), size))
                embedded = embedded.view(heads, -1)[head]
                content = (queries[i, head] + layer.content_bias[head, 0]) @ keys[0, head, j]
                position = (queries[i, head] + layer.distance_bias[head, 0]) @ embedded
                scores.append((content + position) / math.sqrt(size // heads))
            weights = torch.stack(scores).softmax(0)
            outputs[i, head * size // heads : (head + 1) * size // heads] = (
                weights @ values[0, head]
            )
    torch.testing.assert_close(found[0], layer.output(outputs), atol=1e-5, rtol=1e-5)


def test_rotation_depends_on_distance_alone() -> None:
    torch.manual_seed(2)
    query, key = torch.randn(1, 1, 1, 16), torch.randn(1, 1, 1, 16)

    def score(query_position: int, key_position: int) -> torch.Tensor:
        at = [
            Rotation.of(torch.tensor([[p]]), 16, torch.float64)
            for p in (query_position, key_position)
        ]
        return (at[0](query.double()) * at[1](key.double())).sum()

    assert score(7, 3) == pytest.approx(score(104, 100).item(), abs=1e-9)
    assert score(7, 3) != pytest.approx(score(7, 4).item(), abs=1e-3)
    hour = 90_000  # encoder frames of 40 ms: the angles must not lose precision
    assert score(hour + 4, hour) == pytest.approx(score(4, 0).item(), abs=1e-8)


CHUNKINGS = [
    None,
    Chunking(1, -1),
    Chunking(3, 0),
    Chunking(4, 1),
    Chunking(3, 1, lookahead=2),
    Chunking(2, -1, lookahead=3),
]


@pytest.mark.parametrize("chunking", CHUNKINGS, ids=str)
def test_mask_equals_its_definition(chunking: Chunking | None) -> None:
    lengths = torch.tensor([11, 6])
    layout = Layout.of(11, chunking, lengths.device)
    rows = [(frame, None, False) for frame in range(11)]  # frame, its chunk, a copy
    if chunking is not None:
        size = chunking.chunk_size
        rows = [
            (start + i, start // size, i >= size)
            for start in range(0, 11, size)
            for i in range(size + chunking.lookahead)
        ]
        rows = rows if chunking.lookahead else rows[:11]
    assert layout.frames.tolist() == [frame for frame, _, _ in rows]
    left_chunks = chunking.left_chunks if chunking else -1
    mask = attention_mask(lengths, layout, left_chunks)
    assert mask is not None
    mask = mask.expand(2, 1, len(rows), len(rows))[:, 0]
    for utterance, length in enumerate(lengths.tolist()):
        for query, (query_frame, query_chunk, _) in enumerate(rows):
            if query_frame >= length:
                continue
            for key, (frame, key_chunk, copied) in enumerate(rows):
                visible = frame < length
                if chunking is not None and query_chunk != key_chunk:
                    first = 0 if left_chunks < 0 else query_chunk - left_chunks
                    visible = visible and not copied and first <= key_chunk < query_chunk
                assert mask[utterance, query, key] == visible
    assert mask.any(dim=-1).all()


def test_layout_spreads_and_gathers() -> None:
    x = torch.randn(2, 11, 3)
    for chunking in CHUNKINGS:
        layout = Layout.of(11, chunking, x.device)
        torch.testing.assert_close(layout.gather(layout.spread(x)), x)
    rows = Layout.of(5, Chunking(2, lookahead=1), x.device).spread(
        torch.arange(1, 6)[None, :, None]
    )
    assert rows.flatten().tolist() == [1, 2, 3, 3, 4, 5, 5, 0, 0]


def test_left_contexts_are_shared_out_over_layers() -> None:
    assert Chunking(4, 2).left_contexts(3) == (8, 8, 8)
    assert Chunking(4, (0, 1, 3)).left_contexts(3) == (0, 4, 12)
    assert Chunking(4, (0, 1, 3)).left_by_layer(7) == (0, 0, 0, 1, 1, 3, 3)
    assert Chunking(4, (1, -1)).left_contexts(2) == (4, -1)
    with pytest.raises(ValueError, match="3 left contexts for 2 layers"):
        Chunking(4, (0, 1, 3)).left_by_layer(2)
    for impossible in ({"chunk_size": 0}, {"left_chunks": -2}, {"left_chunks": ()},
                       {"left_chunks": (0, -2)}, {"lookahead": -1}):  # fmt: skip
        with pytest.raises(ValueError, match="impossible"):
            Chunking(**{"chunk_size": 4, **impossible})
    assert Chunking(4, 2, lookahead=3).delay == 7


def test_every_mode_has_its_chunking() -> None:
    def trained(**params: object) -> Chunking | None:
        return trained_chunking(ChunkingParams(chunk_size=6, **params))

    assert trained(mode="full") is None
    assert trained(mode="left") == Chunking(1, -1)
    assert trained(mode="fixed", left_chunks=3, lookahead=2) == Chunking(6, 3, 2)
    assert trained(mode="dynamic") is None
    flow = {"mode": "chunk_flow", "layer_left_chunks": [0, 2]}
    assert trained(**flow, lookahead=1) == Chunking(6, (0, 2), 1)
    params = ChunkingParams(chunk_size=6, **flow)
    assert chunking_of(params, 3) == Chunking(3, (0, 2))
    assert chunking_of(params, 3, 1) == Chunking(3, 1)
    rng = np.random.default_rng(5)
    assert draw_chunking(params, 60, rng) == trained(**flow)
    params = ChunkingParams(mode="dynamic", max_chunk_size=10, lookahead=4)
    assert {c.chunk_size for c in (draw_chunking(params, 60, rng) for _ in range(400)) if c} == set(
        range(4, 11)
    )


def test_dynamic_chunking_draws_whole_and_small() -> None:
    rng = np.random.default_rng(3)
    params = ChunkingParams(mode="dynamic", max_chunk_size=10, dynamic_left_chunks=True)
    drawn = [draw_chunking(params, 60, rng) for _ in range(400)]
    whole = sum(chunking is None for chunking in drawn)
    assert 150 < whole < 250
    sizes = {chunking.chunk_size for chunking in drawn if chunking}
    assert sizes == set(range(1, 11))
    assert all(chunking.left_chunks >= 0 for chunking in drawn if chunking)


@torch.no_grad()
def test_decoder_steps_equal_teacher_forcing() -> None:
    torch.manual_seed(4)
    decoder = TransformerDecoder(
        16, 11, TransformerDecoderParams(hidden_layers=2, num_heads=2)
    ).eval()
    encodings, lengths = torch.randn(3, 9, 16), torch.tensor([9, 4, 6])
    tokens = torch.randint(3, 11, (3, 6))
    tokens[:, 0] = 1
    expected = decoder(encodings, lengths, tokens).log_softmax(-1)
    state = decoder.initial_state(encodings, lengths)
    for position in range(6):
        log_probs, state = decoder.step(tokens[:, position], state)
        torch.testing.assert_close(log_probs, expected[:, position], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_decoder_rows_can_be_chosen() -> None:
    torch.manual_seed(5)
    decoder = TransformerDecoder(
        16, 11, TransformerDecoderParams(hidden_layers=2, num_heads=2)
    ).eval()
    encodings, lengths = torch.randn(3, 9, 16), torch.tensor([9, 4, 6])
    tokens = torch.tensor([1, 1, 1])
    _, state = decoder.step(tokens, decoder.initial_state(encodings, lengths))
    rows = torch.tensor([2, 0, 0, 1])
    following = torch.tensor([5, 6, 7, 8])
    found, _ = decoder.step(following, decoder.select(state, rows))
    both = torch.stack([tokens[rows], following], dim=1)
    expected = decoder(encodings[rows], lengths[rows], both).log_softmax(-1)
    torch.testing.assert_close(found, expected[:, 1], atol=1e-5, rtol=1e-5)


def test_the_decoder_tells_what_its_last_layer_attends_to() -> None:
    torch.manual_seed(5)
    params = TransformerDecoderParams(hidden_layers=2, num_heads=2, feedforward_size=16)
    decoder = TransformerDecoder(8, 6, params).eval()
    encodings, lengths = torch.randn(3, 7, 8), torch.tensor([7, 2, 5])
    seen = []
    attend = decoder.blocks[-1].cross_attention.forward

    def spy(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return attend(x, *rest)

    decoder.blocks[-1].cross_attention.forward = spy
    state = plain = decoder.initial_state(encodings, lengths)
    for tokens in (torch.tensor([1, 1, 1]), torch.tensor([2, 5, 3])):
        expected, plain = decoder.step(tokens, plain)
        log_probs, weights, state = decoder.step_with_attention(tokens, state)
        torch.testing.assert_close(log_probs, expected)
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
        assert torch.equal(weights > 0, torch.arange(7) < lengths[:, None])
        layer = decoder.blocks[-1].cross_attention
        ours = layer.weights(seen[-1], state.memory[-1][0], state.memory_mask)
        torch.testing.assert_close(weights, ours[:, 0])
