"""The tables of egs/thchs30: transcripts behind a path, and what a copy of the corpus may have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.corpora.manifests.preparation import prepare_manifests
from asr.files import read_jsonl
from asr.signal.audio.wav import write_wav

SCRIPT = "egs/thchs30/local/prepare_tables.py"
NAMES = {"train": ["A11_0", "A11_1", "B2_250"], "dev": ["C4_501"], "test": ["D4_750", "D12_751"]}
WORDS = "徐 希君 肖 金生 l = 六年 至 十 五年"
TEXT = "徐希君肖金生六年至十五年"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "data_thchs30"
    for part, names in NAMES.items():
        for name in names:
            write_wav(root / "data" / f"{name}.wav", np.full(1600, 0.1), 16000)
            write_wav(root / part / f"{name}.wav", np.full(1600, 0.1), 16000)
            transcript = f"{WORDS}\nxu2 xi1 jun1 \nx v2 x i1 j vn1 \n"
            (root / "data" / f"{name}.wav.trn").write_text(transcript, encoding="utf-8")
            (root / part / f"{name}.wav.trn").write_text(f"../data/{name}.wav.trn\n")
    return root


def prepare(run_script, corpus: Path) -> dict[str, list[dict]]:
    output = corpus.parent / "tables"
    result = run_script(SCRIPT, "--corpus-dir", corpus, "--output-dir", output)
    assert result.returncode == 0, result.stderr
    return {part: list(read_jsonl(output / f"{part}.jsonl")) for part in NAMES}


def test_transcripts_are_found_behind_their_paths(run_script, corpus: Path) -> None:
    tables = prepare(run_script, corpus)
    assert {split: [row["id"] for row in rows] for split, rows in tables.items()} == {
        split: sorted(names) for split, names in NAMES.items()
    }
    assert {row["text"] for rows in tables.values() for row in rows} == {TEXT}
    assert [row["speaker"] for row in tables["test"]] == ["D12", "D4"]
    assert Path(tables["dev"][0]["path"]) == corpus / "dev" / "C4_501.wav"


def test_copies_with_links_or_real_transcripts(run_script, corpus: Path) -> None:
    link = corpus / "dev" / "C4_501.wav.trn"
    link.unlink()
    link.symlink_to("../data/C4_501.wav.trn")
    real = corpus / "train" / "A11_0.wav.trn"
    real.write_text(f"{WORDS}\nxu2\nx v2\n", encoding="utf-8")
    tables = prepare(run_script, corpus)
    assert tables["dev"][0]["text"] == tables["train"][0]["text"] == TEXT


def test_faults_are_set_aside_with_their_reasons(run_script, corpus: Path) -> None:
    (corpus / "train" / "A11_0.wav.trn").unlink()
    (corpus / "data" / "A11_1.wav.trn").unlink()
    (corpus / "train" / "B2_250.wav").unlink()
    no_words = corpus / "train" / "B2_251.wav.trn"
    no_words.write_text("xu2 xi1 jun1\nx v2\n")
    for name in ("B2_251", "B2_252"):
        write_wav(corpus / "train" / f"{name}.wav", np.full(1600, 0.1), 16000)
    (corpus / "train" / "B2_252.wav.trn").write_text(WORDS, encoding="utf-8")
    (corpus / "train" / "B2_253.wav.trn").write_text(WORDS, encoding="gb18030")
    (corpus / "train" / "B2_254.wav.trn").write_text("B2_254.wav.trn\n")
    for name in ("._B2_252.wav", "._B2_252.wav.trn"):
        (corpus / "train" / name).write_bytes(b"\0\5\x16\7")
    prepare(run_script, corpus)
    table = corpus.parent / "tables" / "train.jsonl"
    manifests = prepare_manifests(table, "train", corpus.parent / "manifests")
    assert [supervision.id for supervision in manifests.supervisions] == ["B2_252"]
    assert {rejection.id: rejection.reason.value for rejection in manifests.rejected} == {
        "A11_0": "missing-transcript",
        "A11_1": "missing-transcript",
        "B2_250": "missing-audio",
        "B2_251": "missing-transcript",
        "B2_253": "malformed-row",
        "B2_254": "malformed-row",
    }


def test_mistakes_are_one_line(fails_with_one_line, corpus: Path) -> None:
    arguments = ["--corpus-dir", corpus, "--output-dir", corpus.parent / "tables"]
    gb18030 = corpus / "data" / "C4_501.wav.trn"
    gb18030.write_text(WORDS, encoding="gb18030")
    assert "C4_501.wav.trn:1: not UTF-8" in (told := fails_with_one_line(SCRIPT, *arguments))
    assert "no utterance is usable" in told
    for path in (corpus / "dev").iterdir():
        path.unlink()
    assert "no utterances for dev" in fails_with_one_line(SCRIPT, *arguments)
    arguments[1] = corpus.parent / "nowhere"
    assert "nowhere: no such folder" in fails_with_one_line(SCRIPT, *arguments)
    assert not (corpus.parent / "tables").exists()
