"""G: what a language model's file may look like."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from graph_reference import make_graph, make_tokenizer, random_bigrams, write_arpa

from asr.errors import UserError
from asr.graphs.arcs import Arcs
from asr.graphs.grammar import grammar_fst
from asr.graphs.lexicon_fst import LabelTable
from asr.ngrams.arpa import read_arpa

WORDS = ["a", "ab", "b"]
# What is made of a file, none of which changes what it says.
FORMS = {
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "spaces": lambda text: text.replace("\t", "  "),
    "comments": lambda text: "made by hand\n\n# ngram 1=7\n" + text,
    "weights of the longest n-grams": lambda text: re.sub(r"\n(\S+\t\S+ \S+)", r"\n\1\t0", text),
    "probability 0": lambda text: text.replace("-99.000000\t<s>", "-inf\t<s>"),
    "header of IRSTLM": lambda text: re.sub(r"ngram (\d)=", r"ngram  \1=      ", text),
    "a mark of byte order": lambda text: "\ufeff" + text,
}


def columns_of(path: Path) -> list[np.ndarray]:
    arcs = Arcs.from_fst(grammar_fst(read_arpa(path), LabelTable.make(5, WORDS), path))
    return [arcs.sources, arcs.targets, arcs.ilabels, arcs.olabels, arcs.weights, arcs.finals]


@pytest.mark.parametrize("name", ["lm.arpa", "lm.arpa.gz"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_file_is_the_same_grammar(form, name, tmp_path) -> None:
    plain = write_arpa(tmp_path / "plain.arpa", random_bigrams(WORDS, seed=4))
    content = plain.read_text()
    written = FORMS[form](content)
    assert written != content
    path = tmp_path / name
    path.write_bytes(gzip.compress(written.encode()) if path.suffix == ".gz" else written.encode())
    for column, expected in zip(columns_of(path), columns_of(plain), strict=True):
        np.testing.assert_array_equal(column, expected)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("\ta\t", "\tz\t", r"lm\.arpa:\d+: '<s> a|'a' is not among the unigrams"),
        ("-99.0", "0.5", r"lm\.arpa:\d+: a probability greater than 1"),
        ("-99.0", "-0,5", r"lm\.arpa:\d+: '-0,5\d*' is no logarithm of a probability"),
    ],
)
def test_what_is_wrong_in_a_file_is_refused(before, after, message, tmp_path) -> None:
    """kaldilm itself takes these files for something else."""
    path = write_arpa(tmp_path / "lm.arpa", random_bigrams(WORDS, seed=4))
    path.write_text(path.read_text().replace(before, after))
    tokenizer = make_tokenizer(tmp_path, WORDS)
    with pytest.raises(UserError, match=message):
        make_graph(tmp_path, tokenizer, kind="hlg", arpa=path)
    assert not (tmp_path / "graph").exists()


def test_words_may_hold_white_space_of_unicode(tmp_path) -> None:
    """Programs that part words at ASCII's white space alone leave it in them."""
    words = ["a\u00a0b", "b\u0085a", "a\u3000a", "b"]
    ngrams = random_bigrams(words, seed=1)
    arpa = write_arpa(tmp_path / "lm.arpa", ngrams)
    tokenizer = make_tokenizer(tmp_path, ["ab a"])
    graph = make_graph(tmp_path, tokenizer, kind="hlg", arpa=arpa)
    assert graph.words == ["<eps>", *words, "#0", "<s>", "</s>"]
