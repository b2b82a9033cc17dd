"""Small models with random weights, and ways to feed a session."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import yaml

from asr.bundle import Bundle
from asr.config.loading import parse_config
from asr.config.tokenizer import CharTokenizerParams
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.recognizer import Recognizer
from asr.models import AsrModel
from asr.signal.features.fbank import FbankExtractor
from asr.streaming import StreamingRecognizer, StreamingSession
from asr.text.tokenizers.char import CharTokenizer
from tests.tone_corpus import CONF, RATE, TONES, speak

STREAMING = ("transformer", "conformer", "conformer-lookahead", "chunk-flow")
ENCODERS: dict[str, dict[str, Any]] = {
    "transformer": {"encoder": "TransformerEncoder", "position": "relative"},
    "conformer": {"encoder": "ConformerEncoder", "position": "rotary", "kernel_size": 7},
    "whole": {"encoder": "ConformerEncoder", "kernel_size": 7, "chunking": {"mode": "full"}},
    "conformer-lookahead": {
        "encoder": "ConformerEncoder",
        "position": "relative",
        "kernel_size": 7,
        "chunking": {"mode": "fixed", "chunk_size": 6, "left_chunks": 3, "lookahead": 3},
    },
    "chunk-flow": {
        "encoder": "ConformerEncoder",
        "position": "rotary",
        "kernel_size": 7,
        "chunking": {"mode": "chunk_flow", "chunk_size": 5, "layer_left_chunks": [0, 3]},
    },
}


def random_bundle(kind: str = "conformer", decoder: bool = True, seed: int = 0) -> Bundle:
    """Return a model of 8 kHz speech that says something of anything, different for each seed."""
    torch.manual_seed(seed)
    data = yaml.safe_load(CONF)
    data.pop("optimizer_params")  # YAML reads its numbers as text
    own = dict(ENCODERS[kind])
    data["encoder"] = own.pop("encoder")
    data["encoder_params"].pop("kernel_size")
    data["encoder_params"] |= {"chunking": {"mode": "dynamic"}, **own}
    if not decoder:
        data |= {"decoder": "CTCDecoder", "decoder_params": {}}
        data |= {"loss": "CTCLoss", "loss_params": {}}
    tokenizer = CharTokenizer.train(list(TONES), CharTokenizerParams())
    config = parse_config(data, "the tests")
    model = AsrModel(config, tokenizer.vocab_size).eval()
    _make_lively(model, FbankExtractor(config.features_params).extract(speech(8 * RATE, seed)))
    return Bundle(model, config, tokenizer)


@torch.no_grad()
def _make_lively(model: AsrModel, features: torch.Tensor) -> None:
    """Let a model with random weights say different labels, and blank between them."""
    for parameter in model.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.1)
    model.normaliser.set_statistics(features.mean(dim=0), features.std(dim=0))
    encodings = model.encode(features[None], torch.tensor([len(features)]))[0][0]
    logits = model.ctc.output(encodings)
    scale = 3.0 / logits.std(dim=0)
    model.ctc.output.weight.mul_(scale[:, None])
    model.ctc.output.bias.sub_(logits.mean(dim=0)).mul_(scale)
    model.ctc.output.bias[0] += 3.0


def speech(num_samples: int, seed: int) -> np.ndarray:
    """Return float32 samples (N,) of tones, gaps and noise at 8 kHz."""
    rng = np.random.default_rng(seed)
    words = list(rng.choice(sorted(TONES), size=num_samples // int(0.3 * RATE) + 1))
    return speak(words, rng)[:num_samples]


def packets(samples: np.ndarray, sizes: Sequence[int], seed: int) -> Iterator[np.ndarray]:
    """Yield samples in packets of random sizes out of `sizes`."""
    rng = random.Random(seed)
    start = 0
    while start < len(samples):
        size = rng.choice(sizes)
        yield samples[start : start + size]
        start += size


def simulated(
    recognizer: StreamingRecognizer, method: str, samples: np.ndarray, **options: Any
) -> Hypothesis:
    """Return what decoding the whole recording under the same chunking gives."""
    whole = Recognizer(recognizer.bundle, method, chunking=recognizer.chunking, **options)
    return whole.decode_features([whole.extractor.extract(samples)])[0][0]


def stream(session: StreamingSession, samples: np.ndarray, sizes: Sequence[int] = (800,)) -> Any:
    """Feed a session packet by packet and finish it."""
    for packet in packets(samples, sizes, seed=len(samples)):
        session.accept(packet)
    return session.finish()
