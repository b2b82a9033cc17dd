"""`asr augment`: what it writes, with and without matplotlib, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.cli.main import main
from asr.files import write_text
from asr.signal.audio.wav import write_wav
from asr.signal.augmentation import pictures
from asr.signal.augmentation.pictures import spectrogram_db
from tests.tone_corpus import ToneCorpus

RATE = 16000


@pytest.fixture
def conf(tmp_path: Path, noise_folder: Path) -> Path:
    path = tmp_path / "conf.yaml"
    write_text(
        path,
        "augmentation:\n"
        "  speed_perturb: {factors: [0.9, 1.0]}\n"
        "  volume_perturb: {min_gain_db: -6.0, max_gain_db: -6.0}\n"
        "  pauses: {probability: 0.0}\n"
        "  spec_augment: {probability: 1.0}\n"
        f"  noises: [{{folder: {noise_folder}, probability: 0.0}}]\n"
        "  telephone: {probability: 0.0}\n",
    )
    return path


@pytest.fixture
def file(tmp_path: Path, speech: np.ndarray) -> Path:
    write_wav(tmp_path / "hello.wav", speech[:RATE], RATE)
    return tmp_path / "hello.wav"


def augment(conf: Path, output: Path, *arguments: object) -> int:
    return main(
        ["augment", "--config", str(conf), "--output-dir", str(output), *map(str, arguments)]
    )


def test_all_parts_as_training_draws_them(
    conf: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    settings = ("--set", "augmentation.speed_perturb=null")
    assert augment(conf, output, file, *settings) == 0
    names = {path.name for path in output.iterdir()}
    assert names == {
        "hello.before.wav", "hello.augmented.wav", "hello.augmented.png",
        "hello.augmented.fbank.png",
    }  # fmt: skip
    assert "hello.augmented.wav: volume_perturb, spec_augment" in capsys.readouterr().out
    before, _ = soundfile.read(output / "hello.before.wav")
    after, rate = soundfile.read(output / "hello.augmented.wav")
    assert rate == RATE
    np.testing.assert_allclose(after, before * 10 ** (-6 / 20), atol=1e-4)
    assert (output / "hello.augmented.png").read_bytes().startswith(b"\x89PNG")


def test_each_part_alone_and_always(conf: Path, file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert augment(conf, output, "--each", file) == 0
    wavs = {path.name: soundfile.read(path)[0] for path in output.glob("*.wav")}
    assert wavs.keys() == {
        "hello.before.wav", "hello.speed_perturb.0.9.wav", "hello.volume_perturb.wav",
        "hello.pauses.wav", "hello.spec_augment.wav", "hello.noises.0.wav",
        "hello.telephone.wav",
    }  # fmt: skip
    before = wavs.pop("hello.before.wav")
    for name in ("pauses", "spec_augment"):  # these work on features
        np.testing.assert_array_equal(wavs.pop(f"hello.{name}.wav"), before)
    assert not any(np.array_equal(samples, before) for samples in wavs.values())
    assert len(wavs["hello.speed_perturb.0.9.wav"]) == pytest.approx(len(before) / 0.9, abs=2)
    assert len(wavs["hello.telephone.wav"]) == len(before)


def test_seed_and_epoch_decide_what_is_heard(conf: Path, file: Path, tmp_path: Path) -> None:
    others = [f"--set=augmentation.{key}=null" for key in ("spec_augment", "speed_perturb")]

    def heard(name: str, *settings: object) -> bytes:
        assert augment(conf, tmp_path / name, "--each", file, *others, *settings) == 0
        return (tmp_path / name / "hello.noises.0.wav").read_bytes()

    first = heard("a")
    assert heard("b") == first
    assert heard("c", "--epoch", 1) != first
    assert heard("d", "--set", "training.seed=1") != first


def test_without_matplotlib_one_line_and_the_wavs(
    conf: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(pictures.importlib.util, "find_spec", lambda name: None)
    assert augment(conf, tmp_path / "out", "--each", file) == 0
    assert "no spectrograms: they need matplotlib" in capsys.readouterr().err
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".wav"}


def test_babble_takes_cuts(conf: Path, tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    settings = ["--set", "augmentation.babble={}", "--set", "features_params.sampling_rate=8000"]
    file = next((tone_corpus.root / "wav").glob("test-*.wav"))
    cuts = ("--cuts", tone_corpus.train_cuts)
    assert augment(conf, tmp_path / "out", "--each", *cuts, *settings, file) == 0
    assert (tmp_path / "out" / f"{file.stem}.babble.wav").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hello.wav", "missing.wav"], "missing.wav: the audio file does not exist"),
        (["hello.wav", "conf.yaml"], "conf.yaml: cannot be read as audio"),
        (["hello.wav", "more/hello.wav"], "more/hello.wav: hello.wav has the same name"),
        (["hello.wav", "--set", "augmentation={}"], "the conf file configures no augmentation"),
        (["hello.wav", "--set", "augmentation.babble={}"], "Give the cuts of a training set with"),
        ([], "Missing argument 'FILE…'"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(
    conf: Path, file: Path, tmp_path: Path, arguments: list[str], message: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "more" / "hello.wav", np.ones(100) * 0.1, RATE)
    assert augment(conf, tmp_path / "out", *arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_spectrogram_has_a_tone_where_it_belongs() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    levels = spectrogram_db(tone, RATE)
    assert levels.shape == (201, 100)
    assert set(levels.argmax(axis=0)[2:-2]) == {25}  # bins of 40 Hz
