"""`asr tokenizer` from transcripts to a directory."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from asr.cli.main import main
from asr.errors import UserError
from asr.text.tokenizers import load_tokenizer
from asr.text.transcripts import read_transcripts

TEXTS = ["turn the light on", "turn it off", "seven eleven", "play music"]


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "conf.yaml"
    path.write_text("tokenizer: CharTokenizer\n", encoding="utf-8")
    return path


def write_lines(path, rows):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as stream:
        for row in rows:
            stream.write((row if isinstance(row, str) else json.dumps(row)) + "\n")
    return path


def cut(*texts):
    return {"id": "c", "supervisions": [{"id": "s", "text": text} for text in texts]}


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "text"])
def test_plain_text_is_one_transcript_a_line(name, tmp_path):
    path = write_lines(tmp_path / name, [TEXTS[0], "", f"  {TEXTS[1]}"])
    assert list(read_transcripts([path, path])) == TEXTS[:2] * 2


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_manifests_of_cuts_and_supervisions(suffix, tmp_path):
    mixed = {"tracks": [{"cut": cut("b")}, {"cut": {"type": "PaddingCut"}}, {"cut": cut("c")}]}
    rows = [cut("a"), mixed, cut(), cut("d", "e"), {"id": "s", "text": "f"}, cut(None)]
    path = write_lines(tmp_path / f"cuts{suffix}", rows)
    assert list(read_transcripts([path])) == list("abcdef")


def test_manifests_written_by_lhotse_itself(tmp_path):
    lhotse = pytest.importorskip("lhotse")
    supervision = lhotse.SupervisionSegment("s", "r", start=0.0, duration=1.0, text="今天 天气")
    recording = lhotse.Recording("r", [], sampling_rate=16000, num_samples=16000, duration=1.0)
    mono = lhotse.MonoCut("c", 0.0, 1.0, 0, [supervision], recording=recording)
    lhotse.SupervisionSet.from_segments([supervision]).to_file(tmp_path / "s.jsonl.gz")
    lhotse.CutSet.from_cuts([mono, mono.append(mono), mono.pad(2.0)]).to_file(tmp_path / "c.jsonl")
    paths = [tmp_path / "s.jsonl.gz", tmp_path / "c.jsonl"]
    assert list(read_transcripts(paths)) == ["今天 天气"] * 5


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", None, "does not exist"),
        ("a.jsonl.gz", None, "does not exist"),
        ("a.txt", "今天".encode("gb18030"), "not UTF-8"),
        ("a.txt.gz", b"plain", "not a whole gzip file"),
        ("a.txt.gz", gzip.compress(b"play the music" * 99, mtime=0)[:-9], "not a whole gzip file"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', r"a\.jsonl:2: not valid JSON"),
        ("a.jsonl", b"[1]\n", r"a\.jsonl:1: none of"),
        ("a.jsonl", b'{"id": "r", "sources": []}\n', "Give a manifest of cuts"),
        ("a.jsonl", b'{"text": "a\\ud83d"}\n', r"a\.jsonl:1: .* surrogate"),
        ("a.jsonl", b'{"text": 7}\n', "must be a string, not 7"),
    ],
)
def test_unreadable_transcripts_are_one_clear_error(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(read_transcripts([tmp_path / name]))


def test_a_folder_is_not_a_file_of_transcripts(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        list(read_transcripts([tmp_path]))


def run(*arguments):
    return main(["tokenizer", *map(str, arguments)])


def test_command_builds_what_the_conf_names(conf, tmp_path, capsys):
    text = write_lines(tmp_path / "a.txt", TEXTS[:2])
    cuts = write_lines(tmp_path / "cuts.jsonl", [cut(t) for t in TEXTS[2:]])
    out = tmp_path / "lang"
    assert run("--config", conf, "--text", text, "--text", cuts, "--output-dir", out) == 0
    tokenizer = load_tokenizer(out)
    characters = "".join(TEXTS)
    assert tokenizer.tokens[3:] == sorted(set(characters.replace(" ", "▁")))
    rate = len(characters) / sum(len(t.split()) for t in TEXTS)
    assert capsys.readouterr().out == (
        f"CharTokenizer with {tokenizer.vocab_size} tokens from 4 transcripts (11 words),"
        f" {rate:.2f} tokens per word, in {out}\n"
    )


def test_command_takes_overrides_and_tells_what_becomes_unk(conf, tmp_path, capsys):
    text = write_lines(tmp_path / "a.txt", ["aab", "abc"])
    override = "tokenizer_params.min_count=2"
    out = tmp_path / "lang"
    assert run("--config", conf, "--set", override, "--text", text, "--output-dir", out) == 0
    assert load_tokenizer(out).tokens[3:] == ["a", "b"]
    assert capsys.readouterr().out.splitlines()[1] == (
        "characters that become <unk>: 1, most often 'c' 1"
    )


@pytest.mark.parametrize(
    ("lines", "override", "message"),
    [
        (None, "tokenizer_params.min_count=1", r"a\.txt: the file does not exist"),
        (["", "  "], "tokenizer_params.min_count=1", "no text"),
        (TEXTS, "tokenizer_params.min_count=99", r"tokenizer_params\.min_count: .* or less"),
        (TEXTS, "tokenizer_params.min_count=-1", r"tokenizer_params\.min_count"),
        (TEXTS, "tokenizer=BpeTokenizer", r"vocab_size: 500 is too large .* largest possible is"),
        (TEXTS, "tokenizer=CharTokenizr", "Did you mean 'CharTokenizer'"),
    ],
)
def test_mistakes_end_with_one_line_and_nothing_written(
    lines, override, message, conf, tmp_path, capsys
):
    if lines is not None:
        write_lines(tmp_path / "a.txt", lines)
    arguments = ["--config", conf, "--set", override, "--text", tmp_path / "a.txt"]
    assert run(*arguments, "--output-dir", tmp_path / "lang") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error)
    assert not (tmp_path / "lang").exists()
