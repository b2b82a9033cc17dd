"""`asr score --ref … --hyp …` on files as other programs have them, against jiwer and sclite."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.cli.main import main
from tests.corpus_files import write_noise

Run = Callable[..., str]
REFERENCES = {"u1": "turn on the office light", "u2": "call me at nine", "u3": "yes"}
HYPOTHESES = {"u1": "turn on the office lights", "u2": "call at nine", "u3": "oh yes"}
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "ten", "ZERO"]

WRITERS: dict[str, Callable[[dict[str, str]], str]] = {
    "kaldi": lambda texts: "".join(f"{id} {text}\n" for id, text in texts.items()),
    "trn": lambda texts: "".join(f"{text} ({id})\n" for id, text in texts.items()),
    "jsonl": lambda texts: "".join(
        json.dumps({"id": id, "text": text}) + "\n" for id, text in texts.items()
    ),
    "ctm": lambda texts: "".join(
        f"{id} 1 {number / 4:.2f} 0.20 {word} 0.9\n"
        for id, text in texts.items()
        for number, word in enumerate(text.split())
    ),
    "lines": lambda texts: "".join(f"{text}\n" for text in texts.values()),
}


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Score two texts as they stand in two files; returns what is printed."""

    def score(reference: str, hypothesis: str, *options: str, names: str = "ref hyp") -> str:
        paths = [tmp_path / name for name in names.split()]
        for path, text in zip(paths, (reference, hypothesis), strict=True):
            path.write_text(text, encoding="utf-8")
        capsys.readouterr()
        code = main(["score", "--ref", str(paths[0]), "--hyp", str(paths[1]), *options])
        output = capsys.readouterr()
        assert code == (2 if output.err else 0), output
        return output.err or output.out

    return score


def figures(printed: str) -> tuple[int, int]:
    """Return errors and reference tokens."""
    found = re.search(r" (\d+) / (\d+): ", printed)
    assert found, printed
    return int(found[1]), int(found[2])


def written(format: str, texts: dict[str, str]) -> str:
    return WRITERS[format](texts)


@pytest.mark.parametrize("hypothesis", WRITERS)
@pytest.mark.parametrize("reference", WRITERS)
def test_formats_are_found_out_and_may_differ(run: Run, reference: str, hypothesis: str) -> None:
    printed = run(written(reference, REFERENCES), written(hypothesis, HYPOTHESES))
    if (reference == "lines") != (hypothesis == "lines"):
        assert "asr: error: " in printed
        return
    assert "WER 30.00 % [" in printed
    assert "3 / 10: 1 ins, 1 del, 1 sub; 3 of 3 utterances have errors" in printed
    assert "note" not in printed


def test_order_does_not_count_and_missing_is_deleted(run: Run) -> None:
    hypotheses = {"u9": "what", "u3": HYPOTHESES["u3"], "u1": HYPOTHESES["u1"]}
    printed = run(written("kaldi", REFERENCES), written("kaldi", hypotheses))
    assert figures(printed) == (6, 10)
    assert "1 references have no hypothesis, and their words count as deletions: u2." in printed
    assert "1 hypotheses have no reference and are left out: u9." in printed


def test_near_misses_are_told(run: Run) -> None:
    hypotheses = {"u1": "yes", "U2": "yes", "wav/u-03.flac": "yes"}
    printed = run(written("trn", REFERENCES), written("trn", hypotheses))
    assert "2 of them differ in spelling alone, as 'u2' and 'U2' do" in printed
    assert figures(printed) == (10, 10)
    shouted = {id.upper(): text for id, text in REFERENCES.items()}
    printed = run(written("kaldi", REFERENCES), written("kaldi", shouted))
    assert "none of its 3 ids stands in" in printed
    assert "'u1' and 'U1'" in printed


def test_lines_need_as_many_lines_and_blank_ones_count(run: Run) -> None:
    assert figures(run("a b\n\nc\n", "a b\nx\nc\n\n")) == (1, 3)
    assert figures(run("a b\nb\n", "a b\n\n")) == (1, 3)
    printed = run("a b\nc c\nb c\n", "a b\nb c\n")
    assert "3 lines of plain text, but 2 in" in printed
    assert "--ref-format kaldi" in printed


def test_ids_that_look_like_words(run: Run) -> None:
    names = [first + second for first in "abcde" for second in "lmno"]
    said = {name: f"{name} said that" for name in names}
    heard = dict.fromkeys(names, "said that")
    assert figures(run(written("kaldi", said), written("kaldi", heard))) == (20, 60)
    few = dict(list(said.items())[:3])
    printed = run(written("kaldi", few), written("kaldi", few))
    assert "plain text, line by line, 3 lines" in printed
    assert "give --ref-format kaldi --hyp-format kaldi" in printed
    other_order = dict(reversed(few.items()))
    assert "Kaldi text, 3 utt" in run(written("kaldi", few), written("kaldi", other_order))
    marked = {f"{name}_{name}": text for name, text in few.items()}
    for texts in (dict(zip(["a-b", "c-d", "e-f"], few.values(), strict=True)), marked):
        assert "Kaldi text, 3 utt" in run(written("kaldi", texts), written("kaldi", texts))
    assert "plain text" in run("e-mail me\n", "e-mail you\n")
    digits = "1 2 3\n4 5 6\n7 8\n"
    assert "numbers alone: the first of a line may be its id or a word" in run(digits, digits)
    asked = ("--ref-format", "lines", "--hyp-format", "lines")
    assert figures(run(digits, digits, *asked)) == (0, 8)
    assert figures(run("01 2 3\n02 5 6\n", "01 2 3\n02 5 one\n")) == (1, 4)


# What sclite 2.4.10 (Debian sctk 2.4.10-20151007-1312Z+dfsg2-3.1) says of the same two lines:
# errors, words of the reference.
SCLITE_TRN = [
    ("i {will not / won't} go", "i won't go", 0, 3),
    ("i {will not / won't} go", "i will go", 1, 4),
    ("i {uh / @} go", "i go", 0, 2),
    ("i {uh / @} go", "i x go", 1, 2),
    ("i go", "i {gone / go}", 0, 2),
    ("{a / {b c / d}} e", "d e", 0, 2),
    ("{a/b} e", "b e", 0, 2),
    ("{a b / c} {d / @} e", "c e", 0, 2),
    ("a {b / c}", "{x / @} a c", 0, 2),
    ("a @ b and/or c", "a b and/or c", 0, 4),
    ("i (uh) go", "i go", 1, 3),
    ("a b- c", "a bcd c", 1, 3),
    ("", "i go", 2, 0),
    ("i go", "", 2, 2),
]
SEGMENTS = """;; a comment
a 1 ann 0.0 2.0 <o,f0,male> one two three
a 1 ann 2.0 4.0 <o,f0,male> IGNORE_TIME_SEGMENT_IN_SCORING
a 1 bob 4.0 6.0 <o,f0,female> four {five / fife} six
b A ann 0.0 2.0 seven
"""
MARKS = """;; a comment
a 1 0.10 0.20 one 0.9
a 1 1.80 0.39 two 0.9
a 1 2.50 0.20 noise
a 1 3.80 0.40 four
a 1 * * <ALT_BEGIN>
a 1 4.80 0.20 fife
a 1 * * <ALT>
a 1 4.80 0.20 fire
a 1 * * <ALT_END>
a 1 5.00 0.20 nine
a 1 7.00 0.20 behind
b A 0.20 0.30 seven 1.0
"""


@pytest.mark.parametrize(("reference", "hypothesis", "errors", "words"), SCLITE_TRN)
def test_alternatives_are_those_of_sclite(
    run: Run, reference: str, hypothesis: str, errors: int, words: int
) -> None:
    assert figures(run(f"{reference} (s_1)\n", f"{hypothesis} (s_1)\n")) == (errors, words)


def test_words_belong_to_segments_by_their_times(run: Run) -> None:
    printed = run(SEGMENTS, MARKS)
    # sclite: three is deleted, nine is inserted, behind is a substitution, noise is not scored.
    assert figures(printed) == (3, 7)
    assert "1 segments are marked IGNORE_TIME_SEGMENT_IN_SCORING: they and 1 words" in printed
    printed = run(SEGMENTS, MARKS.replace("\nb A ", "\nc A "))
    assert figures(printed) == (4, 7)
    assert "recordings of the references have no hypothesis" in printed
    assert "are left out: c A." in printed
    printed = run(SEGMENTS, written("kaldi", HYPOTHESES))
    assert "the segments of an STM are found by their times" in printed


def test_a_word_between_segments_is_the_next_ones(run: Run) -> None:
    segments = "a 1 s 0.0 10.0 w2 w5\na 1 t 1.0 3.0 three\na 1 s 4.0 6.0 w20\n"
    marks = "a 1 5.0 0.2 w5\na 1 20 1 w20\na 1 1.9 0.2 w2\n"
    assert figures(run(segments, marks, names="a.stm b.ctm")) == (1, 4)


@pytest.mark.skipif(shutil.which("sctk") is None, reason="sclite is not installed")
@pytest.mark.parametrize(("reference", "hypothesis", "errors", "words"), SCLITE_TRN)
def test_the_table_is_what_sclite_says(
    tmp_path: Path, reference: str, hypothesis: str, errors: int, words: int
) -> None:
    (tmp_path / "ref").write_text(f"{reference} (s_1)\n")
    (tmp_path / "hyp").write_text(f"{hypothesis} (s_1)\n")
    assert sclite(tmp_path, "trn", "trn") == (errors, words)


def sclite(folder: Path, reference: str, hypothesis: str) -> tuple[int, int]:
    """Return errors and reference words that sclite counts in `ref` and `hyp`, capitals apart."""
    command = ["sctk", "sclite", "-s", "-r", "ref", reference, "-h", "hyp", hypothesis]
    command += ["-i", "spu_id", "-o", "rsum", "stdout"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    (row,) = re.findall(r"^ *\| Sum +\|(.*)$", done.stdout, re.MULTILINE)
    numbers = [int(number) for number in re.findall(r"\d+", row)]
    return numbers[6], numbers[1]


def random_texts(size: int, seed: int) -> tuple[dict[str, str], dict[str, str]]:
    """Sentences, and the same with one word in six changed, left out or added."""
    draw = random.Random(seed)
    said, heard = {}, {}
    for number in range(size):
        words = [draw.choice(WORDS) for _ in range(draw.randint(1, 12))]
        changed = [
            draw.choice([[], [draw.choice(WORDS)], [word, draw.choice(WORDS)]])
            if draw.random() < 1 / 6
            else [word]
            for word in words
        ]
        said[f"s_{number:03d}"] = " ".join(words)
        heard[f"s_{number:03d}"] = " ".join(word for part in changed for word in part)
    return said, heard


@pytest.mark.parametrize("unit", ["word", "char"])
def test_the_same_rate_as_jiwer(run: Run, unit: str) -> None:
    jiwer = pytest.importorskip("jiwer", reason="jiwer is not installed")
    said, heard = random_texts(300, seed=1)
    printed = run(written("kaldi", said), written("trn", heard), "--units", unit)
    lists = list(said.values()), list(heard.values())
    if unit == "word":
        output = jiwer.process_words(*lists)
    else:  # spaces are no characters here, and are for jiwer
        output = jiwer.process_characters(*([t.replace(" ", "") for t in side] for side in lists))
    errors = output.substitutions + output.deletions + output.insertions
    assert figures(printed) == (errors, output.hits + output.substitutions + output.deletions)


@pytest.mark.skipif(shutil.which("sctk") is None, reason="sclite is not installed")
def test_the_same_rate_as_sclite(run: Run, tmp_path: Path) -> None:
    said, heard = random_texts(300, seed=2)
    printed = run(written("trn", said), written("trn", heard))
    assert figures(printed) == sclite(tmp_path, "trn", "trn")
    printed = run(SEGMENTS, MARKS)
    assert figures(printed) == sclite(tmp_path, "stm", "ctm")


def test_details_and_normaliser(run: Run, tmp_path: Path) -> None:
    reference = {"u1": "it costs $5 {ok / all right}"}
    printed = run(
        written("trn", reference),
        written("kaldi", {"u1": "It costs five dollars ok"}),
        *("--normaliser", "english", "--details", str(tmp_path / "details")),
    )
    assert figures(printed) == (0, 5)
    stored = json.loads((tmp_path / "details" / "score.json").read_text())
    assert (stored["errors"], stored["reference_tokens"], stored["normaliser"]) == (0, 5, "english")
    assert stored["hypothesis"]["format"] == "kaldi"
    assert "u1 (unknown) 0 / 5" in (tmp_path / "details" / "alignments.txt").read_text()
    printed = run("u1 Hello you\nu2 a\n", "u1 hello you\nu2 a\n")
    assert "of 1 errors 1 in capitals alone; --normaliser plain" in printed


def test_rows_of_others_in_json_lines(run: Run, tmp_path: Path) -> None:
    nemo = '{"audio_filepath": "a.wav", "text": "one two", "pred_text": "one too"}\n'
    assert figures(run(nemo, nemo)) == (1, 2)
    ours = '{"id": "a", "speaker": "ann", "reference": "one two", "text": "one"}\n'
    assert figures(run(ours, ours, "--details", str(tmp_path))) == (1, 2)
    assert "| ann " in (tmp_path / "per_speaker.md").read_text()
    cut = '{"id": "a", "type": "MonoCut", "supervisions": [{"id": "b", "text": "one two"}]}\n'
    assert figures(run(cut, ours)) == (1, 2)


def test_folders_that_hold_transcripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, texts in (("ref", REFERENCES), ("hyp", HYPOTHESES)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text").write_text(written("kaldi", texts))
    assert main(["score", "--ref", str(tmp_path / "ref"), "--hyp", str(tmp_path / "hyp")]) == 0
    assert "WER 30.00 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reference", "hypothesis", "options", "message"),
    [
        ("u1 a\nu1 b\n", "u1 a\n", (), "utterance 'u1' stands twice"),
        ("{a / b (s_1)\n", "a (s_1)\n", (), "'{' has no partner in '{a / b'"),
        ("a } b (s_1)\n", "a (s_1)\n", (), "'}' has no partner"),
        ('{"id": "a"}\n', "a b\n", (), "no key for the text"),
        ('{"id": "a", "text": null}\n', "a b\n", (), "'text' must be a string, not None"),
        ("", "a b\n", (), "0 lines of plain text, but 1 in"),
        ("a b\n", "a b\n", ("--ref-format", "trn"), "is not 'words (id)'"),
        ("a 1 x y\n", "a b\n", ("--ref-format", "ctm"), "is not 'file channel start duration"),
        ("a 1 * * <ALT>\n", "a b\n", ("--ref-format", "ctm"), "'<ALT>' is out of place"),
        ("a b\n", "a b\n", ("--hyp-format", "sgml"), "'sgml' is not one of 'lines', 'kaldi'"),
        ("a b\n", "a b\n", ("--hotwords", "x"), "not with --ref"),
    ],
)
def test_one_clear_line_for_each_mistake(
    run: Run, reference: str, hypothesis: str, options: tuple[str, ...], message: str
) -> None:
    printed = run(reference, hypothesis, *options)
    assert printed.count("\n") == 1
    assert message in printed


def test_what_goes_together(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["--ref", "a"], "--ref and --hyp go together"),
        (["--ref", "a", "--hyp", "b", "folder"], "give either decode folders, or --compare A B"),
        (["--ref", "nowhere.txt", "--hyp", "b"], "nowhere.txt: the file does not exist"),
    ):
        assert main(["score", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


@pytest.mark.parametrize("form", [None, "ctm", "stm", "trn", "jsonl"])
def test_a_recording_given_as_transcripts_is_told_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str | None
) -> None:
    sound = write_noise(tmp_path / "a.wav", 0.5)
    text = tmp_path / "hyp"
    text.write_text("a b\n")
    given = ["--ref", str(sound), "--hyp", str(text), *(["--ref-format", form] if form else [])]
    assert main(["score", *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "a.wav: is a WAV file, or video, not text" in line
