"""Corpora of files whose headers say something else: what was decoded is what is trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import CutSet

from asr.audio.base import rest
from asr.audio.reader import open_audio
from asr.cli.main import main
from asr.files import read_jsonl
from asr.signal.audio.cuts import load_samples
from tests.audio.media import encode, mp3, sound, without_information
from tests.corpus_files import ROW, prepare, validate, write_table

RATE = 16000
CONF = "features_params: {sampling_rate: 16000}\n"


def write_corpus(folder: Path) -> dict[str, Path]:
    """Write files of many kinds, all usable but `half`, by their ids."""
    folder.mkdir()
    whole, variable = mp3(sound(RATE, 4), RATE), mp3(sound(RATE, 5, 1), RATE, is_constant=False)
    contents = {
        "half.mp3": whole[: len(whole) // 2],
        "bare.mp3": without_information(variable),
        "joined.mp3": mp3(sound(RATE, 2, 2), RATE) + mp3(sound(RATE, 1, 3), RATE),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    soundfile.write(folder / "call.wav", sound(RATE, 2, 4), RATE, "GSM610")
    soundfile.write(folder / "killed.wav", sound(RATE, 2, 5), RATE)
    content = bytearray((folder / "killed.wav").read_bytes())
    content[4:8] = content[40:44] = bytes(4)
    (folder / "killed.wav").write_bytes(content)
    encode(folder / "phone.m4a", "aac", RATE, sound(RATE, 9, 6))
    encode(folder / "browser.webm", "libopus", 48000, sound(48000, 3, 7))
    return {path.stem: path for path in folder.iterdir()}


def decoded(path: Path) -> np.ndarray:
    with open_audio(path) as decoder:
        return rest(decoder)[:, 0]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], Path]:
    """Return the files, and the folder of what was validated of them."""
    top = tmp_path_factory.mktemp("corpus")
    files = write_corpus(top / "audio")
    rows = [{**ROW, "id": name, "path": str(path)} for name, path in files.items()]
    middle = {"path": str(files["phone"]), "start": 6.5, "duration": 1.25}
    rows.append({**ROW, "id": "middle", **middle})
    rows.append({**ROW, "id": "end", "path": str(files["phone"]), "start": 8.0})
    rows.append({**ROW, "id": "late", "path": str(files["half"]), "start": 2.5, "duration": 1.0})
    assert prepare(write_table(top / "t.jsonl", *rows), top / "manifests") == 0
    assert validate(top / "manifests", top / "data", "--max-rejected-share", "0.5") == 0
    return files, top / "data" / "train"


def test_the_length_is_what_was_decoded_or_the_row_is_set_aside(
    corpus: tuple[dict[str, Path], Path],
) -> None:
    files, data = corpus
    rejected = {row["id"]: row["reason"] for row in read_jsonl(data / "rejected.jsonl")}
    assert rejected["half"] == "truncated-audio"
    assert set(rejected) == {"half", "late"}
    cuts = {cut.id: cut for cut in CutSet.from_jsonl(data / "cuts.jsonl")}
    assert set(cuts) == {*files, "middle", "end"} - {"half"}
    for name, path in files.items():
        if name in cuts:
            rate = 48000 if name == "browser" else RATE
            seconds = len(decoded(path)) / rate
            assert cuts[name].duration == pytest.approx(seconds, abs=1e-4), name
            assert cuts[name].recording.duration == pytest.approx(seconds, abs=1e-4), name
    length = len(decoded(files["phone"])) / RATE
    assert cuts["end"].end == pytest.approx(length, abs=1e-4)


def test_training_loads_the_decoded_samples(corpus: tuple[dict[str, Path], Path]) -> None:
    files, data = corpus
    cuts = {cut.id: cut for cut in CutSet.from_jsonl(data / "cuts.jsonl")}
    for name in ("bare", "joined", "call", "killed", "phone"):
        expected = decoded(files[name])
        assert np.abs(load_samples(cuts[name], RATE) - expected).max() < 1e-6, name
    whole = decoded(files["phone"])
    assert np.array_equal(load_samples(cuts["middle"], RATE), whole[104000:124000])
    assert np.array_equal(load_samples(cuts["end"], RATE), whole[128000:])


def test_features_of_all_of_them(corpus: tuple[dict[str, Path], Path], tmp_path: Path) -> None:
    _, data = corpus
    conf = tmp_path / "conf.yaml"
    conf.write_text(CONF)
    output = tmp_path / "cuts_fbank.jsonl"
    command = ["features", "--config", str(conf), "--cuts", str(data / "cuts.jsonl")]
    assert main([*command, "--output-dir", str(tmp_path), "--output-cuts", str(output)]) == 0
    assert len(list(read_jsonl(output))) == 8
