"""Cuts of anybody's: no command in them is run, no address opened, and nothing impossible read.

The commands here make an empty file, by which a test sees that one was run.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lhotse import CutSet

from asr.bundle import save_bundle
from asr.cli.main import main
from asr.config.loading import load_config
from asr.errors import UserError
from asr.feeding.cuts import load_cuts
from asr.feeding.shards.reading import open_shards
from asr.files import read_jsonl
from asr.models import AsrModel
from asr.text.tokenizers import load_tokenizer
from tests.tone_corpus import ToneCorpus, run

Edit = Callable[[dict[str, Any], str], object]


def source(row: dict[str, Any]) -> dict[str, Any]:
    return row["recording"]["sources"][0]


def features(row: dict[str, Any], **fields: object) -> None:
    row["features"] = {
        "type": "fbank", "num_frames": 5, "num_features": 80, "frame_shift": 0.01,
        "sampling_rate": 16000, "start": 0.0, "duration": 0.05, "channels": 0,
        "storage_type": "float16_matrices", "storage_path": "x", "storage_key": "0:5:80", **fields,
    }  # fmt: skip


def impulse_response(row: dict[str, Any], command: str) -> None:
    response = json.loads(json.dumps(row["recording"]))
    response["sources"][0].update(type="command", source=command)
    row["recording"]["transforms"] = [
        {"name": "ReverbWithImpulseResponse", "kwargs": {"rir": response}}
    ]


def recording_beside(row: dict[str, Any], command: str) -> None:
    other = json.loads(json.dumps(row["recording"]))
    other["sources"][0].update(type="command", source=command)
    row["custom"] = {"target_recording": other}


FOREIGN: list[tuple[Edit, str]] = [
    (lambda row, command: source(row).update(type="command", source=command), "type 'command'"),
    (lambda row, _: source(row).update(type="url", source="http://localhost:9/a"), "type 'url'"),
    (lambda row, command: source(row).update(source=f"pipe:{command}"), "a command or an address"),
    (lambda row, _: source(row).update(source="s3://bucket/a.wav"), "a command or an address"),
    (lambda row, _: source(row).update(source=["a"]), "names no file"),
    (impulse_response, "type 'command'"),
    (recording_beside, "type 'command'"),
    (lambda row, c: features(row, storage_type="kaldiio", storage_path=f"{c} |"), "'kaldiio'"),
    (lambda row, _: features(row, storage_type="lilcom_url"), "'lilcom_url'"),
    (lambda row, c: features(row, storage_path=f"pipe:{c}"), "a command or an address"),
]
IMPOSSIBLE: list[tuple[Edit, str]] = [
    (lambda row, _: row.update(start=-1.0), "starts at -1.0"),
    (lambda row, _: row.update(start=1e9), "starts at 1000000000.0 s of a recording"),
    (lambda row, _: row.update(start=float("nan")), "starts at nan"),
    (lambda row, _: row.update(duration=float("inf")), "lasts inf s"),
    (lambda row, _: row.update(duration=0), "lasts 0 s"),
    (lambda row, _: row.update(start="0"), "starts at 0"),
    (lambda row, _: row.update(channel=7), "channel 7 of a recording"),
    (lambda row, _: row.update(channel=-1), "channel -1"),
    (lambda row, _: row.update(channel="left"), "channel left"),
    (lambda row, _: row["recording"].update(sampling_rate=10**12), "a sampling rate of"),
    (lambda row, _: row["recording"].update(num_samples=-5), "a recording of -5 samples"),
    (lambda row, _: row["supervisions"][0].update(text=[1]), "its text is not text"),
    (lambda row, _: features(row, num_frames=-1), "features of -1 frames"),
    (lambda row, _: row.update(id=5), "its id is not text"),
]


def write_edited(corpus: ToneCorpus, target: Path, edit: Edit, marker: Path) -> Path:
    """Write the dev cuts, the third of them changed."""
    rows = list(read_jsonl(corpus.dev_cuts))
    edit(rows[2], f"touch '{marker}'")
    target.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return target


@pytest.mark.parametrize(("edit", "expected"), FOREIGN + IMPOSSIBLE)
def test_a_cut_that_is_none_of_plain_files_is_refused(
    tone_corpus: ToneCorpus, tmp_path: Path, edit: Edit, expected: str
) -> None:
    cuts = write_edited(tone_corpus, tmp_path / "cuts.jsonl", edit, tmp_path / "marker")
    with pytest.raises(UserError, match=expected) as told:
        load_cuts(cuts)
    assert f"{cuts}:3: " in str(told.value)
    assert not (tmp_path / "marker").exists()


def test_rows_nested_without_end_are_refused(tmp_path: Path) -> None:
    cuts = tmp_path / "cuts.jsonl"
    cuts.write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    with pytest.raises(UserError, match="nested too deeply"):
        load_cuts(cuts)


def test_the_name_of_a_cuts_file_is_a_name(
    tone_corpus: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = Path("pipe:touch marker; cat cuts.jsonl")
    name.write_text(tone_corpus.dev_cuts.read_text())
    assert len(load_cuts(name)) == len(load_cuts(tone_corpus.dev_cuts))
    assert not Path("marker").exists()


def test_cuts_of_lhotse_are_read_as_lhotse_reads_them(
    tone_corpus: ToneCorpus, tmp_path: Path
) -> None:
    """Several tracks, several channels, packed: what lhotse itself writes."""
    own = CutSet.from_file(tone_corpus.dev_cuts)
    first, second, *_ = own
    mixed = CutSet.from_cuts([first, first.pad(duration=9.0), first.append(second)])
    mixed.to_file(tmp_path / "cuts.jsonl.gz")
    assert load_cuts(tmp_path / "cuts.jsonl.gz") == list(mixed)
    assert load_cuts(tone_corpus.dev_cuts) == list(own)


@pytest.fixture(scope="module")
def bundle(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "bundle"
    config, tokenizer = load_config(tone_corpus.conf), load_tokenizer(tone_corpus.tokenizer)
    torch.manual_seed(0)
    model = AsrModel(config, tokenizer.vocab_size)
    save_bundle(folder, model.state_dict(), config, tokenizer, {})
    return folder


COMMANDS = {
    "decode": "--bundle BUNDLE --cuts CUTS --split dev --output-dir OUT --method ctc-greedy",
    "stream": "--bundle BUNDLE --cuts CUTS --split dev --output-dir OUT --chunk-ms 640",
    "align": "--bundle BUNDLE --cuts CUTS --output-dir OUT",
    "export": "--bundle BUNDLE --cuts CUTS --output OUT/model.tar.gz",
    "features": "--config CONF --cuts CUTS --output-dir OUT",
    "create-dataset": "--cuts CUTS --output-dir OUT",
    "train": "--config CONF --train-cuts CUTS --dev-cuts CUTS --tokenizer LANG --exp-dir OUT",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_runs_what_stands_in_a_cut(
    tone_corpus: ToneCorpus,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)  # asr train as one of torchrun's processes
    marker = tmp_path / "marker"
    edit, _ = FOREIGN[0]
    cuts = write_edited(tone_corpus, tmp_path / "cuts.jsonl", edit, marker)
    places = {
        "BUNDLE": bundle, "CUTS": cuts, "OUT": tmp_path / "out", "CONF": tone_corpus.conf,
        "LANG": tone_corpus.tokenizer,
    }  # fmt: skip
    arguments = COMMANDS[command]
    for name, path in places.items():
        arguments = arguments.replace(name, str(path))
    assert main([command, *arguments.split()]) == 2
    told = capsys.readouterr().err
    assert "its audio is of type 'command'" in told
    assert "Traceback" not in told
    assert not marker.exists()


def test_shards_of_anybody_run_nothing(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    """A dataset's own rows name placeholders; the rest of them is looked at as well."""
    root = tmp_path / "dataset"
    run("create-dataset", "--cuts", str(tone_corpus.dev_cuts), "--output-dir", str(root))
    shards = open_shards(root)
    assert shards is not None
    assert len(list(shards)) == len(load_cuts(tone_corpus.dev_cuts))
    (path,) = root.rglob("cuts.*.jsonl.gz")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    impulse_response(rows[0], f"touch '{tmp_path / 'marker'}'")
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    with pytest.raises(UserError, match="type 'command'"):
        list(shards)
    assert not (tmp_path / "marker").exists()
