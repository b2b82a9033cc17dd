"""`asr lm train`, `prune` and `perplexity`, from transcripts to figures."""

from __future__ import annotations

import gzip
import json
import math
import os
import re
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.config.tokenizer import BpeTokenizerParams, CharTokenizerParams
from asr.ngrams.arpa import read_arpa
from asr.text.tokenizers import BpeTokenizer, CharTokenizer
from tests.lm.arpa_reference import ArpaReference

TEXTS = ["turn the light on", "turn the light off", "turn it off", "light the light", "the light"]
LIBRISPEECH = Path(__file__).parents[3] / "shared" / "data" / "librispeech_text"


def run(*arguments):
    return main(["lm", *map(str, arguments)])


def write_lines(path, lines):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines)
    return path


@pytest.fixture
def text(tmp_path):
    return write_lines(tmp_path / "text", TEXTS)


def test_train_writes_what_it_says(text, tmp_path, capsys):
    out = tmp_path / "lm" / "3.arpa"
    assert run("train", "--text", text, "--output", out) == 0
    counts = read_arpa(out).counts
    assert len(counts) == 3
    shown = ", ".join(f"{count} {n}-grams" for n, count in enumerate(counts, start=1))
    assert capsys.readouterr().out == f"5 sentences, 16 words\n{shown} in {out}\n"
    assert sorted(read_arpa(out).words) == sorted({*" ".join(TEXTS).split(), "<s>", "</s>"})
    assert list(out.parent.iterdir()) == [out]


def test_the_same_text_gives_the_same_bytes_whatever_holds_it(text, tmp_path):
    cuts = [{"supervisions": [{"text": line}]} for line in TEXTS]
    jsonl = write_lines(tmp_path / "cuts.jsonl.gz", map(json.dumps, cuts))
    packed = write_lines(tmp_path / "text.gz", TEXTS)
    outputs = []
    for i, path in enumerate([text, text, jsonl, packed]):
        outputs.append(tmp_path / f"{i}.arpa")
        assert run("train", "--text", path, "--output", outputs[-1]) == 0
    assert len({path.read_bytes() for path in outputs}) == 1


def test_several_files_are_one_text(text, tmp_path):
    halves = [
        write_lines(tmp_path / name, part) for name, part in (("a", TEXTS[:2]), ("b", TEXTS[2:]))
    ]
    assert run("train", "--text", text, "--output", tmp_path / "whole.arpa") == 0
    files = ["--text", halves[0], "--text", halves[1]]
    assert run("train", *files, "--output", tmp_path / "halves.arpa") == 0
    assert (tmp_path / "whole.arpa").read_bytes() == (tmp_path / "halves.arpa").read_bytes()


@pytest.mark.parametrize(
    "tokenizer",
    [
        CharTokenizer.train(TEXTS, CharTokenizerParams()),
        BpeTokenizer.train(TEXTS, BpeTokenizerParams(vocab_size=18)),
    ],
)
def test_a_model_of_tokens_has_the_tokenizers_words(tokenizer, text, tmp_path):
    tokenizer.save(tmp_path / "lang")
    out = tmp_path / "t.arpa.gz"
    options = ["--unit", "token", "--tokenizer", tmp_path / "lang"]
    assert run("train", "--text", text, *options, "--order", 4, "--output", out) == 0
    used = {tokenizer.tokens[i] for line in TEXTS for i in tokenizer.encode(line)}
    assert set(read_arpa(out).words) == used | {"<s>", "</s>"}


def test_words_go_through_the_tokenizers_normaliser(tmp_path):
    CharTokenizer.train(["a"], CharTokenizerParams(normaliser="english")).save(tmp_path / "lang")
    text = write_lines(tmp_path / "text", ["It’s 5 O'CLOCK!"])
    out = tmp_path / "w.arpa"
    assert run("train", "--text", text, "--tokenizer", tmp_path / "lang", "--output", out) == 0
    assert set(read_arpa(out).words) == {"<s>", "</s>", "it's", "five", "o'clock"}


def test_rare_words_become_unknown(text, tmp_path):
    out = tmp_path / "a.arpa"
    assert run("train", "--text", text, "--unknown-below", 2, "--output", out) == 0
    assert set(read_arpa(out).words) == {"<s>", "</s>", "<unk>", "turn", "the", "light", "off"}


def test_pruning_while_training_and_later_are_the_same(text, tmp_path, capsys):
    whole, once, later = (tmp_path / name for name in ("whole.arpa", "once.arpa", "later.arpa"))
    assert run("train", "--text", text, "--output", whole) == 0
    assert run("train", "--text", text, "--prune", 0.02, "--output", once) == 0
    assert "estimated: " in capsys.readouterr().out
    assert run("prune", "--lm", whole, "--threshold", 0.02, "--output", later) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"read: {read_arpa(whole).counts[0]} 1-grams, ")
    assert told[1].endswith(f" in {later}")
    assert read_arpa(once).counts == read_arpa(later).counts
    assert sum(read_arpa(later).counts) < sum(read_arpa(whole).counts)


def test_perplexity_counts_unknown_words_apart(text, tmp_path, capsys):
    lm, figures = tmp_path / "a.arpa", tmp_path / "figures.json"
    assert run("train", "--text", text, "--output", lm) == 0
    capsys.readouterr()
    sentences = ["turn the lamp on", "light it", "lamp lamp"]
    held_out = write_lines(tmp_path / "held_out", sentences)
    assert run("perplexity", "--lm", lm, "--text", held_out, "--json", figures) == 0
    told = capsys.readouterr().out
    written = json.loads(figures.read_text(encoding="utf-8"))

    reference = ArpaReference(lm)
    total = sum(reference.sentence(sentence.split()) for sentence in sentences)
    of_unknown = 0.0
    for words in (["<s>", *sentence.split()] for sentence in sentences):
        known = [word if (word,) in reference.log_probs else "<unk>" for word in words]
        of_unknown += sum(
            reference.score(tuple(known[:i]), "<unk>")
            for i, word in enumerate(known)
            if word == "<unk>"
        )
    assert (written["sentences"], written["units"]) == (3, 8)
    assert (written["unknown_units"], written["unknown"]) == (3, {"lamp": 3})
    assert written["log_prob"] == pytest.approx(total, abs=1e-5)
    assert written["perplexity"] == pytest.approx(math.exp(-total / 11), rel=1e-5)
    without = math.exp(-(total - of_unknown) / 8)
    assert written["perplexity_without_unknown"] == pytest.approx(without, rel=1e-5)
    assert sum(written["by_order"].values()) == 11
    assert "unknown: 3 (37.50 %), most often lamp" in told
    assert f"perplexity: {written['perplexity']:.2f} a word, {without:.2f} without" in told
    assert told.endswith(f"written to {figures}\n")


def test_perplexity_of_words_and_of_tokens_can_be_compared(text, tmp_path, capsys):
    CharTokenizer.train(TEXTS, CharTokenizerParams()).save(tmp_path / "lang")
    options = ["--unit", "token", "--tokenizer", tmp_path / "lang"]
    lm, figures = tmp_path / "a.arpa", tmp_path / "figures.json"
    assert run("train", "--text", text, *options, "--output", lm) == 0
    assert run("perplexity", "--lm", lm, "--text", text, *options, "--json", figures) == 0
    written = json.loads(figures.read_text(encoding="utf-8"))
    assert written["units"] == sum(map(len, TEXTS))
    assert written["words"] == 16
    by_word = math.exp(-written["log_prob"] / (16 + 5))
    assert written["perplexity_by_word"] == pytest.approx(by_word)
    assert f"perplexity of a word: {by_word:.2f}" in capsys.readouterr().out


FAKE_LMPLZ = """#!/bin/sh
echo "$@" > "$(dirname "$0")/arguments"
while [ $# -gt 0 ]; do
  case $1 in --arpa) arpa=$2;; --text) text=$2;; --limit_vocab_file) words=$2;; esac
  shift
done
cp "$text" "$(dirname "$0")/text"
[ -n "$words" ] && cp "$words" "$(dirname "$0")/words"
cat > "$arpa" <<'END'
\\data\\
ngram 1=2

\\1-grams:
-1 <s>
-1 </s>

\\end\\
END
"""


def fake_program(folder, script, monkeypatch):
    folder.mkdir()
    program = folder / "lmplz"
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_kenlm_is_run_on_the_text(text, tmp_path, monkeypatch):
    bin_dir, out = tmp_path / "bin", tmp_path / "a.arpa"
    fake_program(bin_dir, FAKE_LMPLZ, monkeypatch)
    options = ["--estimator", "kenlm", "--order", 4, "--cutoffs", "1,2", "--unknown-below", 2]
    assert run("train", "--text", text, *options, "--output", out) == 0
    assert read_arpa(out).words == ["<s>", "</s>"]
    arguments = (bin_dir / "arguments").read_text(encoding="utf-8")
    assert arguments.startswith("-o 4 ")
    assert "--prune 0 0 1 1" in arguments
    assert (bin_dir / "text").read_text(encoding="utf-8").splitlines() == TEXTS
    assert (bin_dir / "words").read_text(encoding="utf-8").split() == [
        "light",
        "off",
        "the",
        "turn",
    ]


def test_kenlms_failure_is_one_line(text, tmp_path, monkeypatch, capsys):
    fake_program(tmp_path / "bin", "#!/bin/sh\necho one >&2\necho two >&2\nexit 1\n", monkeypatch)
    out = tmp_path / "a.arpa"
    assert run("train", "--text", text, "--estimator", "kenlm", "--output", out) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "asr: error: --estimator kenlm: `lmplz` failed: two"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text", "nowhere"], "nowhere: the file does not exist"),
        (["--text", "empty"], "empty: no text in it"),
        (["--text", "marked"], "a text holds <s> or </s>: 'a <s> b'"),
        (["--unit", "token"], "--unit token needs --tokenizer DIR"),
        (["--unit", "token", "--tokenizer", "nowhere"], "nowhere: no tokenizer here"),
        (["--order", "0"], "Invalid value for '--order'"),
        (["--cutoffs", "1;2"], "--cutoffs: '1;2' is no list like 1,2,2"),
        (["--cutoffs", "2,1"], "--cutoffs: 2,1 cannot be used. Each must be 1 or more"),
        (["--cutoffs", "0"], "--cutoffs: 0 cannot be used"),
        (["--prune", "1"], "Invalid value for '--prune'"),
        (["--unknown-below", "99"], "--unknown-below: no word occurs 99 times"),
        (["--estimator", "kenlm"], "no program `lmplz` on the PATH. Build KenLM"),
        (["--estimator", "srilm"], "Invalid value for '--estimator'"),
        (["--output", "folder"], "folder: is a folder. Name a file to write."),
    ],
)
def test_mistakes_in_training_are_one_line_and_write_nothing(
    options, message, text, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "marked").write_text("a <s> b\n", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    given = [] if "--text" in options else ["--text", text]
    assert run("train", "--output", "a.arpa", *given, *options) == 2
    error = capsys.readouterr().err
    assert re.sub(r".*\r", "", error).count("\n") == 1
    assert message in error
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("arguments", [["prune", "--threshold", "1e-7", "--output", "b.arpa"]])
def test_a_file_that_is_no_arpa_file_is_one_line(arguments, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments, "--lm", text) == 2
    assert "no \\data\\ line: not an ARPA file" in capsys.readouterr().err
    assert not (tmp_path / "b.arpa").exists()


def test_an_unknown_subcommand_is_one_line(capsys):
    assert run("trian") == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(not LIBRISPEECH.exists(), reason="no LibriSpeech transcripts here")
def test_real_transcripts(tmp_path, capsys):
    def transcripts(name, count):
        with gzip.open(LIBRISPEECH / f"{name}.tsv.gz", "rt", encoding="utf-8") as stream:
            rows = [line.rstrip("\n").split("\t")[-1] for line in stream]
        return write_lines(tmp_path / name, rows[:count])

    train, dev = transcripts("train-clean-100", 3000), transcripts("dev-clean", 300)
    lm, figures = tmp_path / "a.arpa", tmp_path / "figures.json"
    perplexities = {}
    for order in (1, 2, 3):
        assert run("train", "--text", train, "--order", order, "--output", lm) == 0
        assert run("perplexity", "--lm", lm, "--text", dev, "--json", figures) == 0
        perplexities[order] = json.loads(figures.read_text())["perplexity_without_unknown"]
    assert max(perplexities[2], perplexities[3]) < 0.8 * perplexities[1]
    assert 100 < perplexities[3] < 1000
