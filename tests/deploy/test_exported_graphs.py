"""Graphs of every kind of encoder give what the encoder gives, whole or chunk by chunk."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from asr.config.export import ExportOptions
from asr.config.loading import build
from asr.config.schema import ExperimentConfig
from asr.deploy.exported.encoders import ExportedEncoder, OfflineEncoder, StreamingEncoder
from asr.deploy.exported.runners import open_graph
from asr.deploy.exporting.graphs import offline_graph, streaming_graph
from asr.deploy.exporting.tracing import write_graph
from asr.deploy.state_layout import StateLayout
from asr.models import AsrModel, Chunking
from asr.models.encoders import split_state, stack_states
from asr.text.symbols import SOS_EOS_ID

NUM_FEATURES, VOCAB = 20, 12
SIZES = {
    "encoder_layers": 2, "hidden_size": 16, "num_heads": 2, "feedforward_size": 24,
    "subsampling_channels": 4,
}  # fmt: skip
FLOW = {"mode": "chunk_flow", "chunk_size": 4, "layer_left_chunks": [1, 3], "lookahead": 2}
KINDS = {
    "transformer": ("TransformerEncoder", {"position": "absolute"}, Chunking(5, 2)),
    "conformer": ("ConformerEncoder", {"position": "relative", "kernel_size": 7}, Chunking(4, 3)),
    "chunk-flow": (
        "ConformerEncoder",
        {"position": "rotary", "kernel_size": 5, "chunking": FLOW},
        Chunking(4, (1, 3), 2),
    ),
}


@dataclass(frozen=True)
class Pair:
    """A model and its graph."""

    model: AsrModel
    exported: ExportedEncoder
    chunking: Chunking | None


def make_model(kind: str) -> AsrModel:
    torch.manual_seed(3)
    encoder, params, _ = KINDS[kind]
    values = {
        "features_params": {"num_mel_bins": NUM_FEATURES},
        "encoder": encoder, "encoder_params": {**SIZES, **params},
        "decoder": "CTCDecoder", "decoder_params": {}, "loss": "CTCLoss", "loss_params": {},
    }  # fmt: skip
    model = AsrModel(build(ExperimentConfig, values, source="the test"), VOCAB).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.normaliser.set_statistics(torch.randn(NUM_FEATURES), torch.rand(NUM_FEATURES) + 0.5)
    return model


def export(model: AsrModel, chunking: Chunking | None, folder: Path) -> ExportedEncoder:
    graph = offline_graph(model, NUM_FEATURES, chunking)
    runner = open_graph(write_graph(graph, folder, ExportOptions()))
    factor = model.encoder.subsampling_factor
    return OfflineEncoder(runner, model.encoder.output_size, factor, chunking)


def export_streaming(model: AsrModel, chunking: Chunking, folder: Path) -> ExportedEncoder:
    encoder = model.encoder
    shape = (chunking.chunk_size, encoder.output_size)
    layout = StateLayout.of(encoder.initial_state(1, chunking), shape)
    graph = streaming_graph(model, NUM_FEATURES, chunking, layout)
    runner = open_graph(write_graph(graph, folder, ExportOptions()))
    return StreamingEncoder(
        runner, encoder.output_size, encoder.subsampling_factor, chunking, layout
    )


@pytest.fixture(scope="module", params=[*KINDS])
def streaming(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    model, chunking = make_model(request.param), KINDS[request.param][2]
    folder = tmp_path_factory.mktemp("streaming")
    return Pair(model, export_streaming(model, chunking, folder), chunking)


@pytest.fixture(scope="module", params=[*KINDS])
def offline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    model = make_model(request.param)
    chunking = model.encoder.trained_chunking
    return Pair(model, export(model, chunking, tmp_path_factory.mktemp("offline")), chunking)


@torch.inference_mode()
def check(pair: Pair, features: torch.Tensor, lengths: torch.Tensor) -> None:
    encodings, encoded = pair.model.encode(features, lengths, pair.chunking)
    expected = pair.model.ctc_log_probs(encodings)
    found, scores = pair.exported.encode_and_score(features, lengths)
    assert pair.exported.output_lengths(lengths).tolist() == encoded.tolist()
    labels = torch.arange(VOCAB) != SOS_EOS_ID
    for row, length in enumerate(encoded.tolist()):
        if length == 0:
            continue
        ours, theirs = expected[row, :length, labels], scores[row, :length, labels]
        torch.testing.assert_close(theirs, ours, atol=1e-3, rtol=0)
        torch.testing.assert_close(found[row, :length], encodings[row, :length], atol=1e-3, rtol=0)
        assert theirs.argmax(dim=1).tolist() == ours.argmax(dim=1).tolist()


def test_whole_utterances_of_any_length(offline: Pair) -> None:
    rng = random.Random(0)
    for _ in range(8):
        longest, batch = rng.randint(1, 160), rng.randint(1, 4)
        lengths = torch.tensor([longest, *(rng.randint(1, longest) for _ in range(batch - 1))])
        check(offline, torch.randn(batch, longest, NUM_FEATURES), lengths)


def test_any_number_of_chunks(streaming: Pair) -> None:
    rng = random.Random(1)
    for _ in range(8):
        longest, batch = rng.randint(1, 300), rng.randint(1, 4)
        lengths = torch.tensor([longest, *(rng.randint(1, longest) for _ in range(batch - 1))])
        check(streaming, torch.randn(batch, longest, NUM_FEATURES), lengths)


@torch.inference_mode()
def test_streams_that_begin_at_different_times_step_together(streaming: Pair) -> None:
    """The state goes through `stack_states` and `split_state`, as a server's streams do."""
    assert streaming.chunking is not None
    encoder, exported = streaming.model.encoder, streaming.exported
    shift = streaming.chunking.chunk_size * encoder.subsampling_factor
    ahead = streaming.chunking.lookahead * encoder.subsampling_factor
    features = torch.randn(2, 7 * shift + ahead, NUM_FEATURES)
    states = [exported.initial_state(1, streaming.chunking) for _ in range(2)]
    outputs: list[list[torch.Tensor]] = [[], []]
    places = [0, 0]
    for live in ([0], [0], [0, 1], [0, 1], [1], [0, 1]):
        starts = [places[row] * shift for row in live]
        chunk = torch.stack(
            [features[row, at : at + shift] for row, at in zip(live, starts, strict=True)]
        )
        after = torch.stack(
            [
                features[row, at + shift : at + shift + ahead]
                for row, at in zip(live, starts, strict=True)
            ]
        )
        stacked = stack_states([states[row] for row in live])
        found, state = exported.step(chunk, stacked, lookahead=after if ahead else None)
        for row, one, encodings in zip(live, split_state(state), found, strict=True):
            states[row], places[row] = one, places[row] + 1
            outputs[row].append(encodings)
    for row, chunks in enumerate(outputs):
        num_frames = len(chunks) * shift + ahead
        normalised = streaming.model.normalise(features[row : row + 1, :num_frames])
        expected, _ = encoder(normalised, torch.tensor([num_frames]), streaming.chunking)
        joined = torch.cat(chunks)
        torch.testing.assert_close(joined, expected[0, : len(joined)], atol=1e-3, rtol=0)
