from __future__ import annotations

from pathlib import Path

from asr.corpora.formats.ctm import CtmWord, write_ctm


def test_a_line_a_word(tmp_path: Path) -> None:
    words = [CtmWord("utt-1", "1", 0.04, 0.36, "我", 1.0), CtmWord("a b", "A", 1.0, 0.5, "x", 0.25)]
    write_ctm(tmp_path / "hyps.ctm", words)
    assert (tmp_path / "hyps.ctm").read_text(encoding="utf-8").splitlines() == [
        "utt-1 1 0.040 0.360 我 1.0000",
        "a_b A 1.000 0.500 x 0.2500",
    ]
