"""`asr export` on a model that knows the tones: its tokens, here and in sherpa-onnx."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import sherpa_onnx
import soundfile
import torch

from asr.bundle import Bundle, load_bundle
from asr.cli.main import main
from asr.config.export import ExportOptions
from asr.config.streaming import StreamingOptions
from asr.decoding.recognizer import Recognizer
from asr.decoding.self_test import decode_whole
from asr.deploy.backends import load_for_backend
from asr.deploy.exporting import graphs, tracing
from asr.deploy.exporting.verification import check_export, expected_results, most_changes
from asr.deploy.manifest import read_manifest, write_manifest
from asr.errors import UserError
from asr.files import write_json
from asr.models import Chunking
from asr.streaming import StreamingRecognizer
from tests.cli.mistakes import told_mistake
from tests.decoding_kit import DecodingKit
from tests.tone_corpus import RATE, run, speak

CHUNKING = Chunking(8, 4)
SHIFT = RATE // 100  # samples from one feature to the next
SENTENCES = (["low", "top"], ["mid", "high", "low", "mid", "top"], ["high"], ["top", "top", "low"])


@pytest.fixture(scope="module")
def exports(decoding_kit: DecodingKit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit's bundle offline and for streaming."""
    root = tmp_path_factory.mktemp("exports")
    bundle = str(decoding_kit.bundle)
    run("export", "--bundle", bundle, "--format", "onnx", "--output", str(root / "offline"))
    run(
        "export", "--bundle", bundle, "--format", "onnx-streaming", "--output", str(root / "live"),
        "--chunk-size", str(CHUNKING.chunk_size), "--left-chunks", str(CHUNKING.left_chunks),
    )  # fmt: skip
    return root


def recordings() -> list[np.ndarray]:
    noise = np.random.default_rng(5)
    return [speak(list(words), noise) for words in SENTENCES]


def spoken(recognizer: Recognizer, samples: np.ndarray) -> list[int]:
    return decode_whole(recognizer, samples).tokens


@pytest.mark.parametrize("method", ["ctc-prefix-beam", "attention-rescoring", "joint", "attention"])
@pytest.mark.parametrize(("name", "chunking"), [("offline", None), ("live", CHUNKING)])
def test_every_method_gives_the_tokens_of_torch(
    exports: Path, decoding_kit: DecodingKit, name: str, chunking: Chunking | None, method: str
) -> None:
    ours = Recognizer(load_bundle(decoding_kit.bundle), method, chunking=chunking)
    theirs = Recognizer(load_for_backend(exports / name, "onnx"), method)
    features = [ours.extractor.extract(samples) for samples in recordings()]
    expected = [n_best[0] for n_best in ours.decode_features(features)]
    found = [n_best[0] for n_best in theirs.decode_features(features)]
    assert [one.tokens for one in found] == [one.tokens for one in expected]
    assert [one.text for one in found] == [one.text for one in expected]
    assert all(one.tokens for one in found)
    for one, other in zip(found, expected, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-2)


@pytest.mark.parametrize("packet", [1999, RATE * 10])
def test_sessions_run_on_the_export(exports: Path, decoding_kit: DecodingKit, packet: int) -> None:
    """Two at once, the second a chunk later, give what simulated streaming gives in torch."""
    method = "attention-rescoring"
    simulated = Recognizer(load_bundle(decoding_kit.bundle), method, chunking=CHUNKING)
    live = StreamingRecognizer(load_for_backend(exports / "live", "onnx"))
    assert live.chunking == CHUNKING
    audio = recordings()[:2]
    sessions = [live.session(RATE) for _ in audio]
    sessions[0].accept(audio[0][:6000])
    for start in range(0, max(map(len, audio)), packet):
        sessions[0].push(audio[0][6000 + start : 6000 + start + packet])
        sessions[1].push(audio[1][start : start + packet])
        while live.advance(sessions):
            pass
    for session, samples in zip(sessions, audio, strict=True):
        assert session.finish().tokens == spoken(simulated, samples)


def sherpa(folder: Path) -> Any:
    """Load an export as its `export.json` tells."""
    how = json.loads((folder / "export.json").read_text())["sherpa_onnx"]
    files = {name: str(folder / how["arguments"].pop(name)) for name in ("model", "tokens")}
    constructor = getattr(getattr(sherpa_onnx, how["class"]), how["constructor"])
    return constructor(**files, **how["arguments"])


def written(bundle: Bundle, tokens: list[int]) -> list[str]:
    """Return tokens as sherpa-onnx writes them."""
    return [bundle.tokenizer.tokens[token].replace("▁", " ") for token in tokens]


def test_sherpa_onnx_gives_our_tokens_for_whole_recordings(
    exports: Path, decoding_kit: DecodingKit
) -> None:
    bundle = load_bundle(decoding_kit.bundle)
    recognizer, client = Recognizer(bundle, "ctc-greedy"), sherpa(exports / "offline")
    streams = []
    for samples in recordings():
        streams.append(client.create_stream())
        streams[-1].accept_waveform(RATE, samples)
    client.decode_streams(streams)
    for stream, samples in zip(streams, recordings(), strict=True):
        assert stream.result.tokens == written(bundle, spoken(recognizer, samples))
        assert stream.result.tokens


@pytest.mark.parametrize("packet", [SHIFT, RATE * 10])
def test_sherpa_onnx_gives_our_tokens_live(
    exports: Path, decoding_kit: DecodingKit, packet: int
) -> None:
    bundle = load_bundle(decoding_kit.bundle)
    recognizer = Recognizer(bundle, "ctc-greedy", chunking=CHUNKING)
    client = sherpa(exports / "live")
    chunk = CHUNKING.chunk_size * 4  # features
    streams, heard = [], []
    for samples in recordings():
        # sherpa-onnx takes a chunk when one more feature is there, and drops the rest at the end.
        whole = np.pad(samples, (0, -len(samples) % (chunk * SHIFT) + chunk * SHIFT))
        features = recognizer.extractor.extract(whole)[:-chunk]
        heard.append(recognizer.decode_features([features])[0][0].tokens)
        stream = client.create_stream()
        streams.append(stream)
        for start in range(0, len(whole), packet):
            stream.accept_waveform(RATE, whole[start : start + packet])
            while packet < RATE and client.is_ready(stream):
                client.decode_stream(stream)
        stream.input_finished()
    while ready := [stream for stream in streams if client.is_ready(stream)]:
        client.decode_streams(ready)  # as a batch
    for stream, tokens in zip(streams, heard, strict=True):
        assert client.tokens(stream) == written(bundle, tokens)
        assert tokens


def test_commands_take_the_export(
    exports: Path, decoding_kit: DecodingKit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = tmp_path / "tones.wav"
    soundfile.write(audio, recordings()[1], RATE)
    said = []
    for options in ((decoding_kit.bundle, "torch"), (exports / "offline", "onnx")):
        folder, backend = map(str, options)
        run("transcribe", "--bundle", folder, "--backend", backend, str(audio))
        said.append(capsys.readouterr().out)
        run(
            "decode", "--bundle", folder, "--backend", backend, "--split", "test",
            "--cuts", str(decoding_kit.corpus.root / "test" / "cuts.jsonl"),
            "--output-dir", str(tmp_path / backend), "--method", "ctc-greedy",
        )  # fmt: skip
        capsys.readouterr()
    assert said[0] == said[1] != ""
    decoded = [tmp_path / name / "ctc-greedy" for name in ("torch", "onnx")]
    texts = [
        [json.loads(line)["text"] for line in (folder / "hyps.jsonl").read_text().splitlines()]
        for folder in decoded
    ]
    assert texts[0] == texts[1]
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in decoded]
    assert [summary["backend"] for summary in summaries] == ["torch", "onnx"]


def test_the_manifest_tells_what_was_checked(exports: Path) -> None:
    manifest = json.loads((exports / "live" / "export.json").read_text())
    assert manifest["check"]["log_prob_difference"] < 1e-3
    assert {one["method"] for one in manifest["check"]["methods"]} == {
        "ctc-greedy", "attention-rescoring",
    }  # fmt: skip
    assert all(one["changed"] == 0 and one["tokens"] for one in manifest["check"]["methods"])
    assert manifest["chunking"] == {"chunk_size": 8, "left_chunks": 4, "lookahead": 0}
    named = {*manifest["files"], "export.json"}
    there = (path for path in (exports / "live").rglob("*") if path.is_file())
    assert {str(path.relative_to(exports / "live")) for path in there} == named


@pytest.mark.parametrize("name", ["offline", "live"])
def test_the_readme_works_as_it_stands(
    exports: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = exports / name
    text = (folder / "README.md").read_text()
    expected = json.loads((folder / "test.json").read_text())["text"]
    assert f"\n    {expected}\n" in text
    monkeypatch.chdir(folder)
    exec(text.split("```python")[1].split("```")[0], {})
    printed = capsys.readouterr().out.strip()
    how = json.loads((folder / "export.json").read_text())["sherpa_onnx"]
    if "tail_seconds" in how:  # a model may hear something in the silence that it needs
        samples, _ = soundfile.read(folder / "test.wav", dtype="float32")
        tail = np.zeros(int(how["tail_seconds"] * RATE), np.float32)
        options = StreamingOptions(first_pass="ctc-greedy", second_pass="none")
        bundle = load_for_backend(folder, "onnx")
        session = StreamingRecognizer(bundle, options.without_endpoints()).session(RATE)
        session.accept(np.concatenate([samples, tail]))
        expected = session.finish().text
    assert printed == expected != ""
    assert " ".join((*how["command"], "test.wav")) in text
    arguments = how["arguments"]
    options = {
        f"--sample-rate={arguments['sample_rate']}",
        f"--feat-dim={arguments['feature_dim']}",
    }
    assert options <= {*how["command"]}


class Wrong(graphs.OfflineModel):
    """A graph whose encodings come a frame late."""

    def forward(self, x: torch.Tensor, x_lens: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scores, lengths, encodings = super().forward(x, x_lens)
        return scores, lengths, encodings.roll(1, dims=1)


def test_a_wrong_graph_is_refused(
    decoding_kit: DecodingKit,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(graphs, "OfflineModel", Wrong)
    out = tmp_path / "out"
    arguments = ["export", "--bundle", str(decoding_kit.bundle), "--format", "torch"]
    line = told_mistake([*arguments, "--output", out], out, capsys)
    assert "differ" in line
    assert not out.exists()


def test_int8_may_never_change_all_tokens() -> None:
    """A recording of one token, as single digits are, would prove nothing else."""
    asked = ((1, 0.1), (5, 0.1), (40, 0.1), (3, 1.0))
    assert [most_changes(tokens, share) for tokens, share in asked] == [0, 1, 4, 2]


def test_int8_is_smaller_and_tells_what_it_changed(
    exports: Path, decoding_kit: DecodingKit, tmp_path: Path
) -> None:
    out = tmp_path / "int8"
    run("export", "--bundle", str(decoding_kit.bundle), "--format", "onnx", "--int8",
        "--output", str(out))  # fmt: skip
    manifest = json.loads((out / "export.json").read_text())
    assert manifest["options"]["int8"] and manifest["check"]["most_difference"] is None
    assert 0 < manifest["check"]["log_prob_difference"] < 3
    assert manifest["check"]["neighbour_difference"] == 0.0
    for name in ("model.onnx", "decoder.onnx"):
        assert (out / name).stat().st_size < (exports / "offline" / name).stat().st_size
    recognizer = Recognizer(load_for_backend(out, "onnx"), "ctc-greedy")
    assert all(spoken(recognizer, samples) for samples in recordings())


@pytest.fixture(scope="module")
def int8_exports(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exports with 8-bit weights, as --int8 makes them."""
    root = tmp_path_factory.mktemp("int8")
    for name in ("offline", "live"):
        folder = Path(shutil.copytree(exports / name, root / name))
        manifest = read_manifest(folder)
        for graph in manifest.graphs.values():
            content = tracing.quantised(onnx.load(folder / graph)).SerializeToString()
            (folder / graph).write_bytes(content)
        write_manifest(folder, replace(manifest, options={**manifest.options, "int8": True}))
    return root


@pytest.mark.parametrize("method", ["ctc-greedy", "attention-rescoring", "joint", "attention"])
@pytest.mark.parametrize("name", ["offline", "live"])
def test_int8_hears_nothing_of_its_neighbours(int8_exports: Path, name: str, method: str) -> None:
    """Texts, scores and times of a batch with loud noise in it are those of each one alone."""
    recognizer = Recognizer(load_for_backend(int8_exports / name, "onnx"), method)
    loud = np.random.default_rng(0).uniform(-1.0, 1.0, 3 * RATE).astype(np.float32)
    features = [recognizer.extractor.extract(samples) for samples in (*recordings(), loud)]
    features.append(features[0][:2])  # too short for a frame of the encoder
    together = recognizer.decode_features(features)
    for one, (beside, *_) in zip(features, together, strict=True):
        ((alone, *_),) = recognizer.decode_features([one])
        assert (beside.tokens, beside.timestamps) == (alone.tokens, alone.timestamps)
        assert beside.confidences == alone.confidences
        assert beside.score == pytest.approx(alone.score, abs=1e-5)  # torch adds in its own order
    assert all(n_best[0].tokens for n_best in together[: len(SENTENCES)])


def test_int8_sessions_hear_nothing_of_each_other(int8_exports: Path) -> None:
    live = StreamingRecognizer(load_for_backend(int8_exports / "live", "onnx"))
    loud = np.random.default_rng(0).uniform(-1.0, 1.0, 3 * RATE).astype(np.float32)
    audio = [*recordings(), loud]
    alone = []
    for samples in audio:
        session = live.session(RATE)
        session.accept(samples)
        alone.append(session.finish())
    sessions = [live.session(RATE) for _ in audio]
    for session, samples in zip(sessions, audio, strict=True):
        session.push(samples)
        session.end_input()
    while live.advance(sessions):
        pass
    for session, expected in zip(sessions, alone, strict=True):
        found = session.finish()
        assert (found.tokens, found.timestamps) == (expected.tokens, expected.timestamps)
        assert found.score == pytest.approx(expected.score, abs=1e-5)


def test_an_export_that_hears_its_neighbours_is_refused(
    int8_exports: Path, decoding_kit: DecodingKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run as a batch, dynamic quantisation rounds everybody by the loudest."""
    bundle, samples = load_bundle(decoding_kit.bundle), recordings()[1]
    exported = load_for_backend(int8_exports / "offline", "onnx")
    expected = expected_results(bundle, samples, None)
    options = ExportOptions(int8=True)
    assert check_export(bundle, exported, samples, expected, options).neighbour_difference == 0.0
    monkeypatch.setattr(exported.model.encoder, "alone", False)
    with pytest.raises(UserError, match="beside a loud recording differ by up to"):
        check_export(bundle, exported, samples, expected, options)


@pytest.fixture
def offline_copy(exports: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exports / "offline", tmp_path / "copy"))


def test_damage_is_named(offline_copy: Path) -> None:
    graph = offline_copy / "decoder.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(UserError, match=r"decoder\.onnx: is not as it was exported"):
        load_for_backend(offline_copy, "onnx")
    graph.unlink()
    with pytest.raises(UserError, match=r"decoder\.onnx: the file does not exist"):
        load_for_backend(offline_copy, "onnx")
    manifest = json.loads((offline_copy / "export.json").read_text())
    for key, value in (("graphs", {}), ("files", {}), ("subsampling_factor", None), ("state", [])):
        write_json(offline_copy / "export.json", {**manifest, key: value})
        with pytest.raises(UserError, match=r"export\.json: is damaged \("):
            load_for_backend(offline_copy, "onnx")
    (offline_copy / "export.json").unlink()
    with pytest.raises(UserError, match="no exported model here"):
        load_for_backend(offline_copy, "onnx")


def test_what_an_export_cannot_do_is_told(exports: Path, decoding_kit: DecodingKit) -> None:
    with pytest.raises(UserError, match=r"is an export\. Add --backend onnx"):
        load_for_backend(exports / "offline", "torch")
    with pytest.raises(UserError, match="is a bundle, not an export"):
        load_for_backend(decoding_kit.bundle, "onnx")
    live = load_for_backend(exports / "live", "onnx")
    with pytest.raises(UserError, match="the graph has chunks of 8 frames, left chunks 4"):
        live.model.encoder.chunking_of(16)
    offline = load_for_backend(exports / "offline", "onnx")
    with pytest.raises(UserError, match="onnx-streaming for live audio"):
        StreamingRecognizer(offline, StreamingOptions(chunk_size=8))
    offline.model.encoder.chunking = CHUNKING  # as --chunk-size makes it
    with pytest.raises(UserError, match="whole utterances only"):
        StreamingRecognizer(offline)
    with pytest.raises(UserError, match="coverage_weight"):
        recognizer = Recognizer(offline, "attention", overrides=("coverage_weight=0.1",))
        decode_whole(recognizer, recordings()[0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--format", "torch", "--int8"), "int8 is for onnx"),
        (
            ("--format", "onnx-streaming", "--left-chunks", "-1"),
            "needs left_chunks of 1 or more",
        ),
        (("--format", "onnx", "--cuts", "c.jsonl"), "--cuts: is for --format package"),
        (("--int8",), "--int8: is for graphs"),
        (("--format", "onnx", "--test-audio", "missing.wav"), "the audio file does not exist"),
    ],
)
def test_mistakes(
    decoding_kit: DecodingKit,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    expected: str,
) -> None:
    out = tmp_path / "out"
    bundle = str(decoding_kit.bundle)
    line = told_mistake(["export", "--bundle", bundle, "--output", out, *options], out, capsys)
    assert expected in line
    assert not out.exists()


def test_a_bundle_without_a_recording_is_given_one(
    decoding_kit: DecodingKit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(decoding_kit.bundle, bundle, ignore=shutil.ignore_patterns("test.*"))
    arguments = ["export", "--bundle", str(bundle), "--format", "torch", "--output"]
    out = tmp_path / "out"
    line = told_mistake([*arguments, out], out, capsys)
    assert "brings no test recording" in line and "--test-audio" in line
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(SHIFT // 4), RATE)  # too short for a single frame
    line = told_mistake([*arguments, out, "--test-audio", silence], out, capsys)
    assert "recognises nothing" in line
    audio = tmp_path / "tones.wav"
    soundfile.write(audio, recordings()[0], RATE)
    assert main([*arguments, str(out), "--test-audio", str(audio)]) == 0
    assert (out / "model.pt2").exists()
