"""The whole chain: seeds, workers, batches, training, and mistakes told in one line."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from torch.utils.data import DataLoader

from asr.cli.main import main
from asr.config.augmentation import Augmentation
from asr.config.features import FbankParams
from asr.config.loading import load_config, parse_config
from asr.errors import UserError
from asr.feeding.batches.dataset import SpeechDataset
from asr.feeding.batches.sampling import BatchPlan, GlobalBatchSampler
from asr.feeding.cuts import load_training_cuts
from asr.files import write_text
from asr.signal.augmentation import WaveformAugmenter, make_augmenter
from asr.signal.augmentation.base import utterance_rng
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.loading import load_features
from asr.text.tokenizers import load_tokenizer
from tests.tone_corpus import ToneCorpus, metrics, train_here

RATE = 16000


def everything(noise_folder: Path, probability: float = 0.7) -> dict:
    """Every part that works on samples, as a conf file has it."""
    return {
        "reverberation": {"num_rooms": 3, "max_rt60": 0.3, "probability": probability},
        "babble": {"min_talkers": 2, "max_talkers": 4, "pool_size": 20, "probability": probability},
        "noises": [
            {"folder": str(noise_folder), "probability": probability},
            {"folder": str(noise_folder / "deeper"), "probability": probability},
        ],
        "gain": {"probability": probability},
        "telephone": {"probability": probability, "mu_law": True},
        "codecs": {"probability": probability, "names": ["mp3", "vorbis", "gsm"]},
    }


def augmentation(**keys: object) -> Augmentation:
    return parse_config({"augmentation": keys}, source="conf.yaml").augmentation


def dataset(corpus: ToneCorpus, params: Augmentation, seed: int = 0) -> SpeechDataset:
    features = FbankParams(num_mel_bins=24, sampling_rate=8000)
    cuts = load_training_cuts(corpus.train_cuts, None)
    waveform = make_augmenter(params, cuts, seed, "cuts.jsonl")
    extractor, tokenizer = FbankExtractor(features), load_tokenizer(corpus.tokenizer)
    return SpeechDataset(extractor, tokenizer, params, seed=seed, waveform=waveform)


def by_utterance(batches: list) -> dict[str, torch.Tensor]:
    return {
        name: batch.features[index, : batch.feature_lengths[index]]
        for batch in batches
        for index, name in enumerate(batch.ids)
    }


def test_everything_at_once_is_finite_and_as_long(
    speech: np.ndarray, noise_folder: Path, tone_corpus: ToneCorpus
) -> None:
    keys = everything(noise_folder)
    del keys["babble"]  # of another rate
    augmenter = WaveformAugmenter(augmentation(**keys))
    applied: list[str] = []
    for seed in range(20):
        for samples in (speech, speech[:1], speech[:150]):
            rng = np.random.default_rng(seed)
            changed = augmenter.apply(samples, RATE, rng, applied=applied)
            assert changed.shape == samples.shape
            assert changed.dtype == np.float32
            assert np.isfinite(changed).all()
            assert np.abs(changed).max() <= 1.0
    assert set(applied) == {
        "reverberation", "noises.0", "noises.1", "gain", "telephone", "codecs",
    }  # fmt: skip


def test_nothing_is_on_unless_written_down() -> None:
    assert not Augmentation().changes_samples
    assert WaveformAugmenter(Augmentation()).parts == []
    assert make_augmenter(Augmentation(), [], 0, "") is None
    assert not augmentation(spec_augment={}, volume_perturb={}).changes_samples
    assert augmentation(telephone={}).changes_samples


def test_a_dataset_cannot_forget_its_augmenter(tone_corpus: ToneCorpus) -> None:
    extractor, tokenizer = FbankExtractor(FbankParams()), load_tokenizer(tone_corpus.tokenizer)
    with pytest.raises(ValueError, match="go together"):
        SpeechDataset(extractor, tokenizer, augmentation(telephone={}))


def test_a_noise_damaged_behind_its_header_is_named(speech: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "damaged.flac"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 3 * RATE), RATE)
    path.write_bytes(path.read_bytes()[:200] + bytes(5000))
    augmenter = WaveformAugmenter(augmentation(noises=[{"folder": str(tmp_path)}]))
    with pytest.raises(UserError, match=r"damaged\.flac"):
        for seed in range(20):
            augmenter.apply(speech, RATE, np.random.default_rng(seed))


def test_batch_worker_and_process_change_nothing(
    tone_corpus: ToneCorpus, noise_folder: Path
) -> None:
    params = augmentation(**everything(noise_folder), spec_augment={})
    cuts = load_training_cuts(tone_corpus.train_cuts, None)[:24]
    one_by_one = dataset(tone_corpus, params)
    alone = by_utterance([one_by_one[BatchPlan(1, [cut])] for cut in reversed(cuts)])
    sampler = GlobalBatchSampler(cuts, 8.0, 2, seed=0)
    sampler.set_position(1, 0)
    loader = DataLoader(
        dataset(tone_corpus, params), sampler=sampler, batch_size=None, num_workers=2
    )
    together = by_utterance(list(loader))
    assert together.keys() == alone.keys()
    assert all(torch.equal(together[name], alone[name]) for name in alone)
    plain = [load_features(cut, one_by_one.extractor) for cut in cuts]
    assert all(len(alone[cut.id]) == len(f) for cut, f in zip(cuts, plain, strict=True))
    assert not any(torch.equal(alone[c.id], f) for c, f in zip(cuts, plain, strict=True))


def test_seed_and_epoch_decide(tone_corpus: ToneCorpus, noise_folder: Path) -> None:
    params = augmentation(**everything(noise_folder, probability=1.0))
    cut = load_training_cuts(tone_corpus.train_cuts, None)[0]

    def features(seed: int, epoch: int) -> torch.Tensor:
        return dataset(tone_corpus, params, seed)[BatchPlan(epoch, [cut])].features

    assert torch.equal(features(0, 0), features(0, 0))
    assert not torch.equal(features(0, 0), features(1, 0))
    assert not torch.equal(features(0, 0), features(0, 1))


def test_a_pickled_augmenter_says_the_same(speech: np.ndarray, noise_folder: Path) -> None:
    keys = everything(noise_folder, probability=1.0)
    del keys["babble"]
    augmenter = WaveformAugmenter(augmentation(**keys))
    sent = pickle.loads(pickle.dumps(augmenter))  # as to a loader process that is spawned
    one, two = (a.apply(speech, RATE, utterance_rng(0, 0, "u")) for a in (augmenter, sent))
    np.testing.assert_array_equal(one, two)


def test_training_on_augmented_samples_is_reproducible(
    tone_corpus: ToneCorpus, noise_folder: Path, tmp_path: Path
) -> None:
    keys = f"[{{folder: {noise_folder}, min_snr_db: 20, max_snr_db: 30, probability: 1.0}}]"
    overrides = [
        f"augmentation.noises={keys}",
        "training.max_epochs=1",
        "encoder_params.dropout=0.1",
    ]
    losses = []
    for name, more in (("a", []), ("b", ["training.num_workers=2"]), ("c", ["training.seed=1"])):
        assert train_here(tone_corpus, tmp_path / name, *overrides, *more)
        losses.append([row["loss"] for row in metrics(tmp_path / name)])
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    assert train_here(tone_corpus, tmp_path / "clean", "training.max_epochs=1")
    assert losses[0] != [row["loss"] for row in metrics(tmp_path / "clean")]


def test_stored_features_are_refused_before_anything_is_written(
    tone_corpus: ToneCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cuts = tmp_path / "cuts_fbank.jsonl"
    arguments = ["features", "--config", str(tone_corpus.conf), "--cuts", str(tone_corpus.dev_cuts)]
    arguments += ["--output-dir", str(tmp_path / "fbank"), "--output-cuts", str(cuts)]
    assert main([*arguments, "--num-jobs", "1"]) == 0
    with pytest.raises(UserError) as caught:
        train_here(tone_corpus, tmp_path / "exp", "augmentation.telephone={}", train_cuts=cuts)
    assert "stored features" in str(caught.value)
    assert "--features on-the-fly" in str(caught.value)
    assert str(cuts) in str(caught.value)
    assert not (tmp_path / "exp").exists()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"noises": [{"folder": "NOWHERE"}]}, "noises.0.folder: the folder NOWHERE does not exist"),
        ({"noises": [{"folder": "EMPTY"}]}, "EMPTY holds no audio files. Give a folder"),
        ({"noises": [{"folder": "BROKEN"}]}, "none of 2 audio files in BROKEN can be read. The f"),
        (
            {"reverberation": {"folder": "EMPTY"}},
            "reverberation.folder: EMPTY holds no audio files",
        ),
        ({"babble": {}}, "augmentation.babble: 7 talkers beside one utterance need 8 utterances,"),
    ],
)
def test_folders_are_checked_at_once(
    keys: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "EMPTY" / "README.txt", "nothing here")
    write_text(tmp_path / "BROKEN" / "a.wav", "not audio")
    write_text(tmp_path / "BROKEN" / "b.flac", "")
    with pytest.raises(UserError) as caught:
        WaveformAugmenter(augmentation(**keys))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_left_out_and_told(
    speech: np.ndarray, noise_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "good.wav").write_bytes((noise_folder / "white.wav").read_bytes())
    write_text(tmp_path / "bad.wav", "not audio")
    augmenter = WaveformAugmenter(
        augmentation(noises=[{"folder": str(tmp_path), "probability": 1.0}])
    )
    (line,) = augmenter.warnings
    assert "unreadable: 1 of 2 audio files" in line
    assert "bad.wav" in line
    for seed in range(5):
        augmenter.apply(speech, RATE, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"noises": [{"folder": "a", "snr": 3}]}, "augmentation.noises.0.snr: unknown key"),
        ({"noises": [{}]}, "augmentation.noises.0.folder: Field required"),
        ({"noises": {"folder": "a"}}, "augmentation.noises: Input should be a valid list"),
        ({"noises": [{"folder": "a", "min_snr_db": 30}]}, "min_snr_db must not exceed max_snr_db"),
        ({"babble": {"min_talkers": 9}}, "min_talkers must not exceed max_talkers"),
        ({"babble": {"pool_size": 5}}, "pool_size must exceed max_talkers"),
        (
            {"reverberation": {"max_rt60": 30.0}},
            "augmentation.reverberation.max_rt60: Input should",
        ),
        ({"telephone": {"low_freq": 3300}}, "high_freq must be at least 200 Hz above low_freq"),
        ({"codecs": {"names": ["mp4"]}}, "augmentation.codecs.names.0: Input should be 'mp3',"),
        ({"codecs": {"names": ["mp3", "mp3"]}}, "names must differ from each other"),
        ({"codecs": {"min_compression": 1.0, "max_compression": 0.5}}, "min_compression must not"),
        ({"gain": {"min_gain_db": 20.0}}, "min_gain_db must not exceed max_gain_db"),
        ({"gain": {"probability": 1.5}}, "augmentation.gain.probability: Input should be less"),
    ],
)
def test_parameters_are_checked(keys: dict, message: str) -> None:
    with pytest.raises(UserError) as caught:
        augmentation(**keys)
    assert message in str(caught.value)


def test_a_list_survives_writing_the_conf_out(tmp_path: Path) -> None:
    conf = tmp_path / "conf.yaml"
    write_text(
        conf, "augmentation:\n  noises:\n  - {folder: a}\n  - {folder: b, probability: 1e-1}\n"
    )
    params = load_config(conf).augmentation
    assert [noise.folder for noise in params.noises] == ["a", "b"]
    assert params.noises[1].probability == 0.1
    assert augmentation(**params.model_dump(mode="json")) == params


def test_the_snippets_of_the_document_are_valid_and_drawn() -> None:
    document = Path(__file__).resolve().parents[3] / "docs" / "augmentation.md"
    text = document.read_text(encoding="utf-8")
    snippets = re.findall(r"```yaml\n(.*?)```\s*!\[.*?\]\((.*?)\)", text, re.DOTALL)
    assert len(snippets) == text.count("```yaml") >= 13
    configured = set()
    for snippet, picture in snippets:
        params = parse_config(yaml.safe_load(snippet), source=picture).augmentation
        configured |= {name for name in Augmentation.model_fields if getattr(params, name)}
        assert (document.parent / picture).read_bytes().startswith(b"\x89PNG")
    assert configured == set(Augmentation.model_fields)
