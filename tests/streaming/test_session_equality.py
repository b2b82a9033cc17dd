"""What a session says is what simulated streaming says of the whole recording."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from asr.bundle import Bundle
from asr.config.streaming import StreamingOptions
from asr.decoding.hypothesis import Hypothesis
from asr.signal.audio.resampling import resample
from asr.streaming import StreamingRecognizer
from tests.streaming.streaming_kit import (
    RATE,
    STREAMING,
    packets,
    random_bundle,
    simulated,
    speech,
    stream,
)

PASSES = ("ctc-greedy", "ctc-prefix-beam")


@pytest.fixture(scope="module", params=STREAMING)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return random_bundle(request.param)


def recognizer_of(bundle: Bundle, **options: object) -> StreamingRecognizer:
    return StreamingRecognizer(bundle, StreamingOptions(**options).without_endpoints())


def assert_same(ours: Hypothesis, theirs: Hypothesis) -> None:
    assert ours.tokens == theirs.tokens
    assert ours.text == theirs.text
    assert ours.score == pytest.approx(theirs.score, abs=1e-2)
    np.testing.assert_allclose(ours.timestamps, theirs.timestamps, atol=1e-6)
    np.testing.assert_allclose(ours.ends, theirs.ends, atol=1e-6)
    np.testing.assert_allclose(ours.confidences, theirs.confidences, atol=1e-3)
    assert [word.text for word in ours.words] == [word.text for word in theirs.words]


@pytest.mark.parametrize("first_pass", PASSES)
def test_any_chunks_lengths_and_packets(bundle: Bundle, first_pass: str) -> None:
    rng = random.Random(first_pass)
    heard = 0
    for seed, length in enumerate([0, 1, 300, 3999, *(rng.randint(8000, 40_000) for _ in "1234")]):
        chunking = {"chunk_size": rng.randint(3, 20), "left_chunks": rng.choice([None, 0, 1, 4])}
        recognizer = recognizer_of(bundle, first_pass=first_pass, **chunking)
        samples = speech(length, seed)
        session = recognizer.session(RATE)
        result = stream(session, samples, (1, 80, 799, 5000))
        assert_same(result, simulated(recognizer, "attention-rescoring", samples))
        first = session.finals[0].first_pass if session.finals else Hypothesis([], 0.0)
        assert_same(first, simulated(recognizer, first_pass, samples))
        heard += len(first.tokens)
    assert heard > 50


@pytest.mark.parametrize("first_pass", PASSES)
@pytest.mark.parametrize("size", [1, 10 * RATE])
def test_packets_of_one_sample_and_of_ten_seconds(first_pass: str, size: int) -> None:
    recognizer = recognizer_of(random_bundle(), first_pass=first_pass)
    samples = speech(6000 if size == 1 else 12 * RATE, seed=5)
    result = stream(recognizer.session(), samples, (size,))
    assert_same(result, simulated(recognizer, "attention-rescoring", samples))


def test_the_chunks_that_a_model_was_trained_on(bundle: Bundle) -> None:
    recognizer = recognizer_of(bundle)
    trained = bundle.model.encoder.trained_chunking
    assert recognizer.chunking == trained or recognizer.chunk_seconds == pytest.approx(0.32)
    samples = speech(20_000, seed=2)
    result = stream(recognizer.session(), samples, (333,))
    assert_same(result, simulated(recognizer, "attention-rescoring", samples))


@pytest.mark.parametrize("first_pass", PASSES)
def test_sessions_in_batches_give_what_each_gives_alone(bundle: Bundle, first_pass: str) -> None:
    recognizer = recognizer_of(bundle, first_pass=first_pass, chunk_size=5, left_chunks=3)
    recordings = [speech(500 + 2900 * n, seed=n) for n in range(9)]
    alone = [stream(recognizer.session(), samples) for samples in recordings]
    rng = random.Random(0)
    going = {n: (recognizer.session(), packets(audio, (200, 1500, 4000), n))
             for n, audio in enumerate(recordings) if n < 4}  # fmt: skip
    waiting = [n for n in range(9) if n not in going]
    results: dict[int, Hypothesis] = {}
    sizes = set()
    while going:
        for n in rng.sample(sorted(going), rng.randint(1, len(going))):
            session, source = going[n]
            packet = next(source, None)
            session.end_input() if packet is None else session.push(packet)
        sizes.add(recognizer.advance([session for session, _ in going.values()]).chunks)
        for n in [n for n, (session, _) in going.items() if session.finished]:
            results[n] = going.pop(n)[0].finish()
            if waiting:
                new = waiting.pop(0)
                source = packets(recordings[new], (200, 1500, 4000), new)
                going[new] = recognizer.session(), source
    assert max(sizes) > 2
    for n, expected in enumerate(alone):
        assert_same(results[n], expected)


def test_models_without_decoder_keep_the_first_pass() -> None:
    bundle = random_bundle(decoder=False)
    samples = speech(20_000, seed=1)
    for first_pass in PASSES:
        recognizer = recognizer_of(bundle, first_pass=first_pass)
        assert recognizer.method == first_pass
        result = stream(recognizer.session(), samples)
        assert_same(result, simulated(recognizer, first_pass, samples))


def test_sixteen_bit_and_other_rates() -> None:
    recognizer = recognizer_of(random_bundle())
    samples = speech(16_000, seed=9)
    integers = (samples * 32767).astype(np.int16)
    as_floats = (integers / 32768).astype(np.float32)
    expected = simulated(recognizer, "attention-rescoring", as_floats)
    assert_same(stream(recognizer.session(), integers), expected)
    assert_same(stream(recognizer.session(), as_floats.astype(np.float64)), expected)
    fast = resample(samples, RATE, 44_100)
    expected = simulated(recognizer, "attention-rescoring", resample(fast, 44_100, RATE))
    assert_same(stream(recognizer.session(44_100), fast, (1, 441, 1000)), expected)


def test_the_models_state_does_not_outlive_a_session() -> None:
    """Places of finished segments are used again: the first pass begins anew in them."""
    recognizer = recognizer_of(random_bundle(), chunk_size=4)
    samples = speech(12_000, seed=4)
    results = {tuple(stream(recognizer.session(), samples).tokens) for _ in range(12)}
    assert len(results) == 1


def test_no_gradients_are_kept() -> None:
    session = recognizer_of(random_bundle()).session()
    session.accept(speech(8000, seed=0))
    assert not any(t.requires_grad for t in session.state.alone().subsampling)
    assert torch.is_grad_enabled()
