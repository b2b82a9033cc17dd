"""What users get wrong around decoding: tuning, graphs, models of text, scores."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.cli.mistakes import MistakeKit
from tests.decoding_kit import DecodingKit
from tests.tone_corpus import run


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--method", "joynt"], "no decoding method 'joynt'"),
        (["--method", "wfst"], "(--graph)"),
        (["--method", "joint+neural", "--neural-lm", "{kit}/exp/tones"], "EXP_DIR/bundle"),
        (["--minutes", "nan"], "--minutes"),
        (["--max-hours", "0"], "--max-hours"),
        (["--averages", "0"], "--averages"),
        (["--dev-cuts", "{tmp}/none"], "the cuts do not exist"),
        (["--dev-cuts", "{tmp}/empty"], "holds no cuts"),
        (["--exp-dir", "{kit}/exp/tones/bundle"], "no bundle here"),
    ],
)
def test_tune(wrong: list[str], told: str, mistakes: MistakeKit) -> None:
    assert told in mistakes.refuses("tune", *wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--type", "hlg"], "needs a language model"),
        (["--type", "h", "--arpa", "{kit}/words.arpa"], "takes no language model"),
        (["--arpa", "{tmp}/nouni.arpa"], "no unigrams"),
        (["--arpa", "{tmp}/text.arpa"], "no \\data\\ line"),
        (["--arpa", "{tmp}"], "is a folder"),
        (["--arpa", "{kit}/words.arpa", "--lexicon", "{tmp}/lexicon"], "lexicon:2: the tokenizer"),
        (["--arpa", "{kit}/words.arpa", "--lexicon", "{tmp}/doubled"], "doubled:2: "),
        (["--arpa", "{kit}/words.arpa", "--lexicon", "{tmp}/none"], "does not exist"),
        (["--type", "hl", "--words", "{tmp}/blank"], "there are no words"),
        (["--arpa", "{kit}/words.arpa", "--unknown-cost", "nan"], "no finite number"),
        (["--type", "h", "--tokenizer", "{kit}/exp/tones/bundle"], "no tokenizer here"),
    ],
)
def test_graph(wrong: list[str], told: str, mistakes: MistakeKit) -> None:
    assert told in mistakes.refuses("graph", *wrong)


@pytest.mark.parametrize("form", ["marked.arpa", "packed.arpa.gz"])
def test_a_graph_of_a_language_model_in_another_form(
    form: str, decoding_kit: DecodingKit, tmp_path: Path
) -> None:
    arpa = decoding_kit.ngram.read_bytes()
    content = gzip.compress(arpa) if form.endswith("gz") else b"\xef\xbb\xbf" + arpa
    (tmp_path / form).write_bytes(content)
    run(
        "graph", "--tokenizer", str(decoding_kit.bundle / "tokenizer"), "--arpa",
        str(tmp_path / form), "--output-dir", str(tmp_path / "graph"),
    )  # fmt: skip
    made = (tmp_path / "graph" / "HLG.fst").read_bytes()
    assert made == (decoding_kit.graph / "HLG.fst").read_bytes()


@pytest.mark.parametrize(
    ("does", "wrong", "told"),
    [
        ("train", ["--text", "{tmp}/blank"], "no text in it"),
        ("train", ["--text", "{kit}", "--order", "2"], "is a folder"),
        ("train", ["--text", "{tmp}/words", "--prune", "nan"], "no finite number"),
        ("train", ["--text", "{tmp}/words", "--cutoffs", "0"], "--cutoffs"),
        ("train", ["--text", "{tmp}/words", "--unit", "token"], "needs --tokenizer"),
        ("prune", ["--lm", "{tmp}/words", "--threshold", "1e-3"], "not an ARPA file"),
        ("prune", ["--lm", "{kit}/words.arpa", "--threshold", "nan"], "no finite number"),
    ],
)
def test_lm(does: str, wrong: list[str], told: str, mistakes: MistakeKit) -> None:
    assert told in mistakes.refuses(f"lm {does}", *wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--delay-of", "{tmp}/none"], "no such decode folder"),
        (["--batch-duration", "0"], "--batch-duration"),
        (["--bundle", "{kit}/lm/bundle"], "no bundle here"),
        (["--cuts", "{tmp}/none"], "the cuts do not exist"),
    ],
)
def test_align(wrong: list[str], told: str, mistakes: MistakeKit) -> None:
    assert told in mistakes.refuses("align", *wrong)


@pytest.mark.parametrize("command", ["train", "train-lm"])
def test_a_training_where_a_file_stands(command: str, mistakes: MistakeKit, tmp_path: Path) -> None:
    """It is told before any process starts."""
    conf, file = tmp_path / "conf.yaml", tmp_path / "file"
    file.write_text("kept")
    corpus = mistakes.kit.corpus
    if command == "train":
        arguments = corpus.train_arguments(file)
    else:
        conf.write_text("language_model: LstmLm\n")
        arguments = [
            "train-lm", "--config", str(conf), "--text", str(corpus.train_cuts), "--dev-text",
            str(corpus.dev_cuts), "--tokenizer", str(corpus.tokenizer), "--exp-dir", str(file),
        ]  # fmt: skip
    assert f"{file} is not a folder" in mistakes.told(arguments, tmp_path)


@pytest.fixture(scope="module")
def decoded(decoding_kit: DecodingKit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `exp` folder with a decoded split, and `results` beside it."""
    root = tmp_path_factory.mktemp("decoded")
    split = root / "exp" / "x" / "decode" / "dev"
    run(
        "decode", "--bundle", str(decoding_kit.bundle), "--split", "dev", "--output-dir",
        str(split), "--cuts", str(decoding_kit.corpus.dev_cuts), "--method", "ctc-greedy",
    )  # fmt: skip
    run("score", "--results-dir", str(root / "results"), str(split / "ctc-greedy"))
    return root


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfel\x00", "is not UTF-8 text"),
        (b"low\nlow\n", "stands in line 1 already"),
        (b"low\t-1\n", "not a number above 0"),
        (None, "does not exist"),
    ],
)
def test_score_with_hotwords(
    content: bytes | None, told: str, decoded: Path, mistakes: MistakeKit
) -> None:
    words, output = mistakes.folder / "words", mistakes.output
    if content is not None:
        words.write_bytes(content)
    folder = decoded / "exp" / "x" / "decode" / "dev" / "ctc-greedy"
    arguments = ["score", folder, "--results-dir", output, "--hotwords", words]
    line = mistakes.told(arguments)
    assert told in line and str(words) in line


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--results-dir", "{tmp}"], "holds no results"),
        (["--system", "y/ctc"], "no system 'y/ctc'"),
        (["--cuts", "dev"], "SPLIT=FILE"),
        (["--cuts", "test={tmp}"], "names the split 'test'"),
        (["--cuts", "dev={tmp}/none"], "none: the file does not exist"),
        (["--max-clip-seconds", "nan"], "no finite number"),
    ],
)
def test_report(
    wrong: list[str], told: str, decoded: Path, mistakes: MistakeKit, tmp_path: Path
) -> None:
    arguments = ["report", "--results-dir", decoded / "results", "--exp-root", decoded / "exp"]
    arguments += ["--output", tmp_path / "report.html"]
    arguments += [part.format(tmp=tmp_path) for part in wrong]
    assert told in mistakes.told(arguments, tmp_path)
