"""`asr serve --backend onnx`: the server runs what `asr export` wrote."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from asr.bundle import load_bundle
from asr.config.streaming import StreamingOptions
from asr.streaming import StreamingRecognizer
from tests.decoding_kit import DecodingKit
from tests.patience import PATIENCE
from tests.serving.serving_kit import ServerProcess, as_int16, begin, connect_to, speak
from tests.tone_corpus import RATE, run
from tests.tone_corpus import speak as tones

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def test_live_and_file(decoding_kit: DecodingKit, tmp_path: Path) -> None:
    export = tmp_path / "export"
    run(
        "export", "--bundle", str(decoding_kit.bundle), "--format", "onnx-streaming",
        "--output", str(export), "--chunk-size", "8", "--left-chunks", "4",
    )  # fmt: skip
    samples = as_int16(tones(["mid", "high", "low", "mid", "top"], np.random.default_rng(5)))
    session = StreamingRecognizer(
        load_bundle(decoding_kit.bundle), StreamingOptions(chunk_size=8, left_chunks=4)
    ).session(RATE)
    session.accept(samples)
    expected = session.finish().text
    file = tmp_path / "tones.wav"
    soundfile.write(file, samples, RATE)

    server = ServerProcess(export, "--backend", "onnx")
    try:
        with connect_to(server.port) as connection:
            begin(connection)
            assert speak(connection, samples)[-1]["text"] == expected != ""
        answer = httpx.post(
            f"http://127.0.0.1:{server.port}/v1/audio/transcriptions",
            files={"file": file.read_bytes()},
            timeout=PATIENCE,
        )
        assert answer.json()["text"] == expected
    finally:
        code, errors = server.stop()
    assert code == 0, errors
