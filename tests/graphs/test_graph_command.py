"""`asr graph` and the folder it writes: what is told, what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import kaldifst
import numpy as np
import pytest
from graph_reference import (
    EVERYTHING,
    decode_with,
    make_tokenizer,
    random_bigrams,
    random_scores,
    spoil,
    write_arpa,
)

from asr.cli.main import main
from asr.errors import UserError
from asr.graphs.arcs import Arcs
from asr.graphs.folder import DESCRIPTION_FILE, load_graph
from asr.text.lexicon import read_lexicon
from asr.text.tokenizers import Tokenizer

WORDS = ["a", "ab", "b"]


@pytest.fixture
def tokenizer(tmp_path) -> Tokenizer:
    write_arpa(tmp_path / "lm.arpa", random_bigrams(WORDS, seed=0))
    return make_tokenizer(tmp_path, ["ab a"])


def run(folder: Path, *arguments: str, kind: str = "hlg") -> int:
    given = ["--type", kind, "--tokenizer", folder / "tokenizer", "--output-dir", folder / "graph"]
    return main(["graph", *map(str, given), *arguments])


def refused(capsys, folder: Path, *arguments: str, kind: str = "hlg") -> str:
    assert run(folder, *arguments, kind=kind) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert not (folder / "graph" / DESCRIPTION_FILE).exists()
    return error


def test_it_tells_every_step_and_writes_the_folder(tokenizer, tmp_path, capsys) -> None:
    assert run(tmp_path, "--arpa", str(tmp_path / "lm.arpa")) == 0
    told = capsys.readouterr().out
    for step in ("3 words", "L: ", "G: ", "determinised", "HLG.fst: "):
        assert step in told
    names = {path.name for path in (tmp_path / "graph").iterdir()}
    assert names == {"HLG.fst", "G.fst", "L.fst", "words.txt", "tokens.txt", DESCRIPTION_FILE}
    graph = load_graph(tmp_path / "graph", tokenizer)
    assert graph.words == ["<eps>", *WORDS, "#0", "<s>", "</s>"]
    before = (tmp_path / "graph" / "HLG.fst").read_bytes()
    assert run(tmp_path, "--arpa", str(tmp_path / "lm.arpa")) == 0
    assert (tmp_path / "graph" / "HLG.fst").read_bytes() == before


def test_the_files_are_openfst_s(tokenizer, tmp_path) -> None:
    run(tmp_path, "--arpa", str(tmp_path / "lm.arpa"))
    path = tmp_path / "graph" / "HLG.fst"
    arcs = Arcs.from_bytes(path.read_bytes(), str(path))
    read = kaldifst.StdConstFst.read(str(path))
    assert (read.num_states, read.start) == (arcs.num_states, arcs.start)
    assert Arcs.from_fst(kaldifst.StdVectorFst(read)).to_bytes() == path.read_bytes()
    assert np.isfinite(arcs.finals).any()


def test_a_graph_of_another_tokenizer_is_refused(tokenizer, tmp_path) -> None:
    run(tmp_path, "--arpa", str(tmp_path / "lm.arpa"))
    other = make_tokenizer(tmp_path / "other", ["abc"])
    with pytest.raises(UserError, match="made for another tokenizer"):
        load_graph(tmp_path / "graph", other)
    assert tokenizer.fingerprint != other.fingerprint


def test_the_fingerprint_knows_the_normaliser(tmp_path) -> None:
    plain = make_tokenizer(tmp_path, ["ab a"])
    assert plain.fingerprint == make_tokenizer(tmp_path, ["a ab"]).fingerprint
    normalised = make_tokenizer(tmp_path, ["ab a"], normaliser="basic")
    assert plain.tokens == normalised.tokens
    assert plain.fingerprint != normalised.fingerprint


def test_damaged_and_missing_files_are_named(tokenizer, tmp_path) -> None:
    run(tmp_path, "--arpa", str(tmp_path / "lm.arpa"))
    folder = tmp_path / "graph"
    content = bytearray((folder / "HLG.fst").read_bytes())
    content[-5] ^= 1
    (folder / "HLG.fst").write_bytes(bytes(content))
    with pytest.raises(UserError, match=r"HLG\.fst: is not as it was written"):
        load_graph(folder, tokenizer)
    (folder / "HLG.fst").unlink()
    with pytest.raises(UserError, match=r"HLG\.fst: the file does not exist"):
        load_graph(folder, tokenizer)
    spoil(folder / DESCRIPTION_FILE, format_version=99)
    with pytest.raises(UserError, match="the graph has format"):
        load_graph(folder, tokenizer)
    (folder / DESCRIPTION_FILE).write_text("{}")
    with pytest.raises(UserError, match="is not a graph's description"):
        load_graph(folder, tokenizer)
    with pytest.raises(UserError, match="no graph here"):
        load_graph(tmp_path, tokenizer)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("hello\n", "lm.arpa: no \\data\\ line"),
        ("\\data\\\nngram 1=0\n\n\\end\\\n", "no unigrams"),
        ("\\data\\\nngram 1=5\n\n\\1-grams:\n-1 a\n\n\\end\\\n", "the header promises 5"),
        ("\\data\\\nngram 1=1\n\n\\1-grams:\nword\n\n\\end\\\n", "lm.arpa:5: is no 1-gram"),
        (
            "\\data\\\nngram 1=3\n\n\\1-grams:\n-1 <s>\n-1 </s>\n-1 zoo\n\n\\end\\\n",
            "can spell none of 1 words",
        ),
    ],
)
def test_bad_language_models(content, complaint, tokenizer, tmp_path, capsys) -> None:
    (tmp_path / "lm.arpa").write_text(content)
    assert complaint in refused(capsys, tmp_path, "--arpa", str(tmp_path / "lm.arpa"))


def test_a_packed_language_model_makes_the_same_graph(tokenizer, tmp_path, capsys) -> None:
    assert run(tmp_path, "--arpa", str(tmp_path / "lm.arpa")) == 0
    plain = (tmp_path / "graph" / "HLG.fst").read_bytes()
    packed = gzip.compress((tmp_path / "lm.arpa").read_bytes())
    (tmp_path / "lm.arpa.gz").write_bytes(packed)
    assert run(tmp_path, "--arpa", str(tmp_path / "lm.arpa.gz")) == 0
    assert (tmp_path / "graph" / "HLG.fst").read_bytes() == plain
    (tmp_path / "graph" / DESCRIPTION_FILE).unlink()
    (tmp_path / "lm.arpa.gz").write_bytes(packed[:-8])  # the words are there, the end is not
    told = refused(capsys, tmp_path, "--arpa", str(tmp_path / "lm.arpa.gz"))
    assert "lm.arpa.gz: is not a whole gzip file" in told


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a a\nab a z\n", "lexicon:2: the tokenizer has no token 'z'"),
        ("a <unk>\n", "lexicon:1: the tokenizer has no token '<unk>'"),
        ("a a\nab\n", "lexicon:2: 'ab' has no tokens"),
        ("a a\na b\na a\n", "lexicon:3: 'a a' stands twice"),
        ("<s> a\n", "lexicon:1: '<s>' is no word"),
        ("\n", "the lexicon is empty"),
        ("c a\n", "no word in common"),
    ],
)
def test_bad_lexicons(content, complaint, tokenizer, tmp_path, capsys) -> None:
    (tmp_path / "lexicon").write_text(content)
    arguments = ["--arpa", str(tmp_path / "lm.arpa"), "--lexicon", str(tmp_path / "lexicon")]
    assert complaint in refused(capsys, tmp_path, *arguments)


@pytest.mark.parametrize(
    ("kind", "arguments", "complaint"),
    [
        ("hlg", [], "--arpa: a graph of type hlg needs a language model"),
        ("h", ["--arpa", "lm.arpa"], "--arpa: a graph of type h takes no language model"),
        ("h", ["--words", "lm.arpa"], "--words: a graph of type h has no words"),
        ("hl", [], "needs --lexicon or --words"),
        ("hl", ["--words", "x", "--lexicon", "y"], "give either --lexicon or --words"),
        ("hl", ["--words", "x", "--unknown-cost", "1"], "--unknown-cost: only a language model"),
        ("hl", ["--words", "nowhere"], "nowhere: the file does not exist"),
        ("hlg", ["--arpa", "nowhere"], "nowhere: the file does not exist"),
        ("hlg", ["--arpa", "lm.arpa", "--unknown-cost", "1"], "the language model has no <unk>"),
    ],
)
def test_what_does_not_go_together(
    kind, arguments, complaint, tokenizer, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert complaint in refused(capsys, tmp_path, *arguments, kind=kind)


def test_a_word_may_have_several_spellings(tokenizer, tmp_path) -> None:
    (tmp_path / "lexicon").write_text("a a\na b b\nab a b\nextra a a\n")
    assert read_lexicon(tmp_path / "lexicon", tokenizer).num_spellings == 4
    files = ["--arpa", str(tmp_path / "lm.arpa"), "--lexicon", str(tmp_path / "lexicon")]
    assert run(tmp_path, *files) == 0
    graph = load_graph(tmp_path / "graph", tokenizer)
    scores = random_scores(4, tokenizer.vocab_size, seed=0)
    scores[:] = -50.0
    (b,) = tokenizer.encode("b")
    scores[[0, 1, 2, 3], [b, 0, b, 0]] = 0.0
    (found,) = decode_with(graph, scores, **EVERYTHING)
    assert (found.text, found.tokens) == ("a", [b, b])


def test_subwords_are_refused_for_scripts_without_spaces(tmp_path, capsys) -> None:
    make_tokenizer(tmp_path, ["你好 吗 你好"], "BpeTokenizer", vocab_size=8, model_type="bpe")
    (tmp_path / "words").write_text("你好\n")
    complaint = refused(capsys, tmp_path, "--words", str(tmp_path / "words"), kind="hl")
    assert "BpeTokenizer spells" in complaint
