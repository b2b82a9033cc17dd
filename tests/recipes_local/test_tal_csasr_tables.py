"""The tables of egs/tal_csasr: text that mixes widths, cases, punctuation and languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.corpora.manifests.preparation import prepare_manifests
from asr.files import read_jsonl
from asr.signal.audio.wav import write_wav

SCRIPT = "egs/tal_csasr/local/prepare_tables.py"
LESSON = "210_40223_210_6228_1_1533298404_4812267"
TEXTS = {  # as in label.txt -> as in the table
    "上面是一般现在对然后 HE IS ALWAYS FINISHIＮG": "上面是一般现在对然后 HE IS ALWAYS FINISHING",
    "你说apple吗？好，it’s ok!": "你说 APPLE 吗好 IT'S OK",
    "它 是 e-mail 、 对 的。": "它是 E MAIL 对的",
    "ＡＣＤＵＹ #对=了～": "ACDUY 对了",
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "TALCS_corpus"
    for part in ("train", "dev", "test"):
        for number in range(len(TEXTS)):
            path = root / f"{part}_set" / "wav" / f"{LESSON}_{number}.wav"
            write_wav(path, np.full(1600, 0.1), 16000)
        lines = [f"{LESSON}_{number} {text}\n" for number, text in enumerate(TEXTS)]
        (root / f"{part}_set" / "label.txt").write_text("".join(lines), encoding="utf-8")
    return root


def test_texts(run_script, corpus: Path) -> None:
    output = corpus.parent / "tables"
    result = run_script(SCRIPT, "--corpus-dir", corpus.parent, "--output-dir", output)
    assert result.returncode == 0, result.stderr
    for part in ("train", "dev", "test"):
        rows = list(read_jsonl(output / f"{part}.jsonl"))
        assert [row["text"] for row in rows] == list(TEXTS.values())
        assert {row["speaker"] for row in rows} == {LESSON}
        assert all(Path(row["path"]).parent == corpus / f"{part}_set" / "wav" for row in rows)


def test_faults_are_set_aside_with_their_reasons(run_script, corpus: Path) -> None:
    folder = corpus / "train_set"
    (folder / "wav" / f"{LESSON}_0.wav").unlink()
    with (folder / "label.txt").open("ab") as stream:
        stream.write(f"{LESSON}_7\n{LESSON}_1 again\n{LESSON}_8 g".encode() + b"\xfc\xdf\n")
    (folder / "wav" / f"._{LESSON}_2.wav").write_bytes(b"\0\5\x16\7")
    (folder / "wav" / f"{LESSON}_3.wav").rename(folder / "wav" / f"{LESSON}_3.WAV")
    for number in (6, 7):
        write_wav(folder / "wav" / "deeper" / f"{LESSON}_{number}.wav", np.full(160, 0.1), 16000)
    output = corpus.parent / "tables"
    result = run_script(SCRIPT, "--corpus-dir", corpus, "--output-dir", output)
    assert result.returncode == 0, result.stderr
    manifests = prepare_manifests(output / "train.jsonl", "train", corpus.parent / "manifests")
    reasons = {rejection.id: rejection.reason.value for rejection in manifests.rejected}
    assert reasons == {
        f"{LESSON}_0": "missing-audio",
        f"{LESSON}_1": "duplicate-id",
        f"{LESSON}_6": "missing-transcript",
        f"{LESSON}_8": "malformed-row",
    }
    assert f"{LESSON}_3" in {supervision.id for supervision in manifests.supervisions}
    texts = {supervision.id: supervision.text for supervision in manifests.supervisions}
    assert texts[f"{LESSON}_7"] == ""  # which `asr validate` sets aside as an empty transcript


def test_mistakes_are_one_line(fails_with_one_line, corpus: Path) -> None:
    arguments = ["--corpus-dir", corpus, "--output-dir", corpus.parent / "tables"]
    label = corpus / "dev_set" / "label.txt"
    label.unlink()
    assert "label.txt: the file does not exist" in fails_with_one_line(SCRIPT, *arguments)
    arguments[1] = corpus.parent / "nowhere"
    assert "account at https://ai.100tal.com" in fails_with_one_line(SCRIPT, *arguments)
    assert not (corpus.parent / "tables").exists()
