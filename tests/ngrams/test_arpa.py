"""Reading and writing ARPA files."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest

from asr.errors import UserError
from asr.ngrams.arpa import read_arpa, write_arpa
from tests.lm.arpa_reference import WORDS, ArpaReference, write_random_arpa

GOOD = """a comment
\\data\\
ngram 1=4
ngram 2=3
ngram 3=1

\\1-grams:
-99\t<s>\t-0.3
-0.5\ta\t-0.25
-0.6\t你好 \t0.1
-0.7\t</s>

\\2-grams:
-0.2\t<s> a\t-0.125
-0.3\ta 你好
-0.4\ta </s>

\\3-grams:
-0.1\t<s> a 你好

\\end\\
"""


def as_dictionary(model):
    """The n-grams with log10 probability and weight."""
    entries = {}
    for order in range(1, model.order + 1):
        places = model.places(order)
        rows = zip(
            model.spelled(order),
            model.log_prob[places] / np.log(10),
            model.backoff[places] / np.log(10),
            strict=True,
        )
        for words, log_prob, weight in rows:
            entries[" ".join(model.words[i] for i in words)] = (log_prob, weight)
    return entries


def write(path, text):
    content = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["a.arpa", "a.arpa.gz"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_what_is_written_is_read(name, ending, tmp_path):
    model = read_arpa(write(tmp_path / name, GOOD.replace("\n", ending)))
    assert model.counts == [4, 3, 1]
    entries = as_dictionary(model)
    assert {n: p for n, (p, _) in entries.items()} == pytest.approx(
        {"<s>": -99, "a": -0.5, "你好": -0.6, "</s>": -0.7, "<s> a": -0.2, "a 你好": -0.3}
        | {"a </s>": -0.4, "<s> a 你好": -0.1}
    )
    weights = {n: b for n, (_, b) in entries.items() if b}
    assert weights == pytest.approx({"<s>": -0.3, "a": -0.25, "你好": 0.1, "<s> a": -0.125})


@pytest.mark.parametrize("name", ["b.arpa", "b.arpa.gz"])
def test_a_model_that_is_written_reads_as_the_same_model(name, tmp_path):
    model = read_arpa(write_random_arpa(tmp_path / "a.arpa", WORDS, order=4, seed=1))
    write_arpa(model, tmp_path / name)
    again = read_arpa(tmp_path / name)
    assert again.words == model.words
    assert again.counts == model.counts
    assert np.array_equal(again.keys, model.keys)
    np.testing.assert_allclose(again.log_prob, model.log_prob, atol=1e-6)
    np.testing.assert_allclose(again.backoff, model.backoff, atol=1e-6)
    first = (tmp_path / name).read_bytes()
    write_arpa(model, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_the_unknown_word_may_be_in_capitals(tmp_path):
    text = GOOD.replace("你好", "<UNK>")
    assert read_arpa(write(tmp_path / "a.arpa", text)).words == ["<s>", "a", "<unk>", "</s>"]
    both = text.replace("ngram 1=4", "ngram 1=5").replace("-0.7\t</s>", "-0.7\t</s>\n-0.8\t<unk>")
    words = read_arpa(write(tmp_path / "b.arpa", both)).words
    assert words == ["<s>", "a", "<UNK>", "</s>", "<unk>"]


def test_small_blocks_read_as_one(tmp_path, monkeypatch):
    path = write_random_arpa(tmp_path / "a.arpa", WORDS, order=3, seed=2)
    whole = as_dictionary(read_arpa(path))
    monkeypatch.setattr("asr.ngrams.arpa_lines._BLOCK_BYTES", 37)
    assert as_dictionary(read_arpa(path)) == whole
    reference = ArpaReference(path)
    assert {n: p * np.log(10) for n, (p, _) in whole.items()} == pytest.approx(
        {" ".join(n): p for n, p in reference.log_probs.items()}
    )


def test_lines_that_no_block_holds_back(tmp_path, monkeypatch):
    """A fault is told with its line, whatever block it stands in."""
    monkeypatch.setattr("asr.ngrams.arpa_lines._BLOCK_BYTES", 16)
    lines = GOOD.splitlines()
    wrong = lines.index("-0.4\ta </s>")
    lines[wrong] = "-0.4\ta ghost"
    with pytest.raises(UserError, match=rf"a\.arpa:{wrong + 1}: 'ghost' is not among the unigrams"):
        read_arpa(write(tmp_path / "a.arpa", "\n".join(lines)))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (GOOD, "", r"a\.arpa: the file is empty"),
        (GOOD, "\n\n", r"no \\data\\ line"),
        ("\\data\\", "", r"no \\data\\ line: not an ARPA file"),
        ("ngram 1=4", "", r"a\.arpa: no unigrams in the header"),
        ("ngram 2=3", "", "the header leaves out an order"),
        ("ngram 2=3", "ngram two", r"a\.arpa:4: expected `ngram N=count`, not 'ngram two'"),
        ("ngram 2=3", "ngram 2=4", "3 2-grams, but the header promises 4"),
        ("-0.3\ta 你好\n", "", "2 2-grams, but the header promises 3"),
        (GOOD[GOOD.index("\\1") : GOOD.index("\\2")], "", r"a\.arpa:7: expected the 1-grams here"),
        (GOOD[GOOD.index("\\1") : GOOD.index("\\end")], "", r"a\.arpa: no section \\1-grams:"),
        (GOOD[GOOD.index("\\3") : GOOD.index("\\end")], "", r"a\.arpa: no section \\3-grams:"),
        ("\\3-grams:", "\\three:", r"a\.arpa:18: '\\three:' is no section"),
        ("\\end\\", "", r"ends without \\end\\: the file is cut short"),
        ("-0.4\ta </s>", "-0.4\ta", r"a\.arpa:16: is no 2-gram with its probability: '-0.4 a'"),
        ("-0.4\ta </s>", "-0.4\ta a a a", r"a\.arpa:16: is no 2-gram"),
        ("-0.4\ta </s>", "x\ta </s>", r"a\.arpa:16: 'x' is no logarithm of a probability"),
        ("-0.4\ta </s>", "nan\ta </s>", r"a\.arpa:16: 'nan' is no logarithm of a probability"),
        ("-0.2\t<s> a\t-0.125", "-0.2\t<s> a\tb", r"a\.arpa:14: 'b' is no .* backoff weight"),
        ("-0.4\ta </s>", "0.4\ta </s>", r"a\.arpa:16: a probability greater than 1"),
        ("-0.4\ta </s>", "-0.4\ta z", r"a\.arpa:16: 'z' is not among the unigrams"),
        ("-0.4\ta </s>", "-0.4\ta 你好", r"a\.arpa:16: 'a 你好' stands twice"),
        ("-0.7\t</s>", "-0.7\ta", r"a\.arpa:11: 'a' stands twice among the unigrams"),
        ("-0.1\t<s> a 你好", "-0.1\t<s> </s> a", r"'<s> </s> a' without '<s> </s>' among the 2-g"),
    ],
)
def test_every_fault_is_one_clear_line(before, after, message, tmp_path):
    assert before in GOOD
    with pytest.raises(UserError) as error:
        read_arpa(write(tmp_path / "a.arpa", GOOD.replace(before, after, 1)))
    assert re.search(message, str(error.value))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mark", ["<s>", "</s>"])
def test_a_model_without_sentence_marks_is_refused(mark, tmp_path):
    text = GOOD.replace(f" {mark}\n", " a\n").replace(mark, "<x>")
    with pytest.raises(UserError, match=f"no unigram {mark}"):
        read_arpa(write(tmp_path / "a.arpa", text))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.arpa", None, "does not exist"),
        ("a.arpa.gz", b"\\data\\", "not a whole gzip file"),
        ("a.arpa", b"mmap lm\0\0\1", "is not text. Give the ARPA file itself"),
        ("a.arpa", GOOD.encode("gb18030"), r"a\.arpa:10: is not UTF-8 text"),
    ],
)
def test_files_that_are_no_text(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_arpa(tmp_path / name)


def test_a_folder_and_half_a_gzip_file(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        read_arpa(tmp_path)
    path = write(tmp_path / "a.arpa.gz", GOOD)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="not a whole gzip file"):
        read_arpa(path)
