"""What users get wrong with `asr decode` and `asr transcribe`."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, Recording, SupervisionSegment

from asr.config.decoding import ATTENTION_DECODER, METHODS
from asr.decoding import corpus
from asr.files import read_json, read_jsonl, write_json
from tests.cli.mistakes import MistakeKit
from tests.decoding_kit import DecodingKit
from tests.tone_corpus import RATE, run

Make = Callable[[DecodingKit, Path], Path]


def written(name: str, content: str | bytes) -> Make:
    """Make a file."""

    def make(kit: DecodingKit, folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def edited_ngram(name: str, edit: Callable[[str], str | bytes]) -> Make:
    """Make the kit's ARPA file anew, changed."""
    return lambda kit, folder: written(name, edit(kit.ngram.read_text()))(kit, folder)


def without_unigrams(arpa: str) -> str:
    return re.sub(
        r"\\1-grams:.*?(?=\\2-grams:)", "", arpa.replace("ngram 1=", "ngram 3="), flags=re.S
    )


def in_chinese(arpa: str) -> str:
    for word, other in zip(("low", "mid", "high", "top"), "低中高上", strict=True):
        arpa = arpa.replace(word, other)
    return arpa


RESOURCE_MISTAKES: list[tuple[str, str, Make, str]] = [
    # option, method, file, what is told
    ("--ngram", "joint+ngram", edited_ngram("a.arpa", without_unigrams), "no unigrams"),
    ("--ngram", "joint+ngram", edited_ngram("a.arpa", lambda a: a[: len(a) // 2]), "a.arpa:"),
    ("--ngram", "wfst+ngram", edited_ngram("a.arpa", in_chinese), "of another vocabulary"),
    ("--ngram", "joint+ngram", edited_ngram("a.arpa.gz", lambda a: a), "not a whole gzip file"),
    ("--ngram", "joint+ngram", edited_ngram("a.arpa", lambda a: a.encode("utf-16")), "is not text"),
    ("--ngram", "joint+ngram", written("a.gz", gzip.compress(b"hello")), "not an ARPA file"),
    ("--ngram", "joint+ngram", written("a.arpa", ""), "the file is empty"),
    ("--ngram", "joint+ngram", lambda kit, folder: folder, "is a folder"),
    ("--ngram", "joint+ngram", lambda kit, folder: folder / "none", "does not exist"),
    ("--neural-lm", "joint+neural", lambda kit, _: kit.neural_lm.parent, "EXP_DIR/bundle"),
    ("--neural-lm", "joint+neural", lambda kit, _: kit.bundle, "no neural language model here"),
    ("--neural-lm", "joint+neural", lambda kit, _: kit.ngram, "is neither a bundle's folder nor"),
    ("--graph", "wfst", lambda kit, folder: folder, "no graph here (graph.json"),
    ("--graph", "wfst", lambda kit, _: kit.graph / "HLG.fst", "no graph here (graph.json"),
    ("--hotwords", "joint+hotwords", written("h", "low".encode("utf-16")), "is not UTF-8 text"),
    ("--hotwords", "joint+hotwords", written("h", "zürich\n"), "cannot be spelled"),
    ("--hotwords", "joint+hotwords", written("h", "low\tmany\n"), "h:1: the weight 'many'"),
    ("--hotwords", "joint+hotwords", lambda kit, folder: folder, "is a folder"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["decode", "transcribe"])
@pytest.mark.parametrize(("option", "method", "make", "told"), RESOURCE_MISTAKES)
def test_files_beside_the_model(
    option: str, method: str, make: Make, told: str, command: str, mistakes: MistakeKit
) -> None:
    given = make(mistakes.kit, mistakes.folder)
    line = mistakes.refuses(command, "--method", method, option, given)
    assert told in line
    assert str(given) in line


@pytest.mark.parametrize("option", ["ngram", "hotwords"])
def test_a_byte_order_mark_changes_nothing(
    option: str, mistakes: MistakeKit, tmp_path: Path
) -> None:
    plain = getattr(mistakes.kit, option)
    marked = tmp_path / "marked"
    marked.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes())
    scores = []
    for path in (plain, marked):
        output = tmp_path / f"out{len(scores)}"
        method = f"ctc-prefix-beam+{option}"
        given = ("--method", method, f"--{option}", path)
        run(*map(str, mistakes.arguments("decode", *given, output=output)))
        scores.append([row["score"] for row in read_jsonl(output / method / "hyps.jsonl")])
    assert scores[0] == scores[1]


def cut_short(graph: Path) -> None:
    path = graph / "HLG.fst"
    path.write_bytes(path.read_bytes()[:500])


def described(**changes: object) -> Callable[[Path], None]:
    """Change a graph's description."""

    def change(graph: Path) -> None:
        write_json(graph / "graph.json", {**read_json(graph / "graph.json"), **changes})

    return change


def undescribed(graph: Path) -> None:
    """Leave a graph that cannot be told to be damaged."""
    cut_short(graph)
    described(files_sha256={})(graph)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut_short, "HLG.fst: is not as it was written. Make the graph again"),
        (lambda graph: (graph / "words.txt").unlink(), "words.txt: the file does not exist"),
        (lambda graph: (graph / "graph.json").write_text("{"), "graph.json: not valid JSON"),
        (lambda graph: (graph / "graph.json").write_text("[]"), "is not a graph's description"),
        (undescribed, "is not a graph's description"),
        (described(type="hlgx"), "is not a graph's description"),
        (described(files_sha256=[]), "is not a graph's description"),
        (described(format_version="x"), "is not a graph's description"),
        (described(format_version=99), "has format 99"),
        (described(tokenizer_fingerprint="0"), "for another tokenizer than the model's"),
    ],
)
def test_damaged_graphs(
    damage: Callable[[Path], None], told: str, mistakes: MistakeKit, tmp_path: Path
) -> None:
    graph = tmp_path / "graph"
    shutil.copytree(mistakes.kit.graph, graph)
    damage(graph)
    line = mistakes.refuses("decode", "--method", "wfst", "--graph", graph)
    assert told in line
    assert str(graph) in line


GREEDY = ("--method", "ctc-greedy")
OPTION_MISTAKES = [
    (["--set", "beam_size=0"], "beam_size"),
    (["--set", "beam_size=1000000"], "less than or equal to 1000"),
    (["--set", "beam=3"], "Did you mean 'beam_size'?"),
    (["--set", "beam_size"], "is not key=value"),
    (["--set", "length_bonus=.nan"], "finite number"),
    (["--set", "n_best=11"], "must not exceed beam_size"),
    (["--method", "atention"], "Did you mean 'attention'?"),
    (["--method", "joint+ngram"], "(--ngram)"),
    (["--method", "wfst"], "(--graph)"),
    (["--batch-duration", "0"], "above 0"),
    (["--batch-duration", "nan"], "above 0"),
    (["--batch-duration", "many"], "above 0"),
    (["--chunk-size", "0"], "--chunk-size"),
    (["--left-chunks", "2"], "goes with --chunk-size"),
    (["--device", "tpu"], "no device 'tpu'"),
    (["--cuts", "none.jsonl"], "the cuts do not exist"),
    (["--bundle", "none"], "no bundle here"),
]


@pytest.mark.parametrize(("wrong", "told"), OPTION_MISTAKES)
def test_options_of_decode(wrong: list[str], told: str, mistakes: MistakeKit) -> None:
    """The first method could decode: a mistake with a later one is told before it does."""
    assert told in mistakes.refuses("decode", *GREEDY, *wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--window", "0"], "window"),
        (["--window", "nan"], "window"),
        (["--overlap", "-1"], "overlap"),
        (["--window", "10", "--overlap", "6"], "must not exceed half of window 10"),
        (["--overlap", "100"], "must not exceed half of window"),
        (["--format", "doc"], "'doc' is not one of"),
        (["--method", "joint+ngram"], "(--ngram)"),
        (["none.wav"], "none.wav: the audio file does not exist"),
        (["."], ".: the folder holds no audio files"),
    ],
)
def test_options_of_transcribe(wrong: list[str], told: str, mistakes: MistakeKit) -> None:
    """A mistake with the last file is told before the first is transcribed."""
    assert told in mistakes.refuses("transcribe", *GREEDY, *wrong)


NEED_ATTENTION = [name for name, method in METHODS.items() if ATTENTION_DECODER in method.needs]


@pytest.mark.parametrize("extra", ["", "+ngram"])
@pytest.mark.parametrize("base", NEED_ATTENTION)
@pytest.mark.parametrize("command", ["decode", "transcribe"])
def test_a_model_without_attention_decoder(
    base: str, extra: str, command: str, mistakes: MistakeKit
) -> None:
    given = ["--method", base + extra, *mistakes.kit.resources]
    line = mistakes.refuses(command, *given, "--bundle", mistakes.kit.ctc_bundle)
    assert "needs an attention decoder" in line and "Use one of: ctc-greedy" in line


def test_a_method_that_is_named_twice_decodes_once(mistakes: MistakeKit) -> None:
    methods = ("--method", "joint+hotwords+ngram", "--method", "joint+ngram+hotwords")
    files = ("--ngram", mistakes.kit.ngram, "--hotwords", mistakes.kit.hotwords)
    given = [*GREEDY, *methods, *GREEDY, *files]
    run(*map(str, mistakes.arguments("decode", *given)))
    assert len(mistakes.capfd.readouterr().out.splitlines()) == 2


def with_audio(folder: Path, name: str, samples: np.ndarray) -> list[object]:
    """Write cuts of one good utterance and one of `samples`."""
    path = folder / f"{name}.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    cut = Recording.from_file(path, recording_id=name).to_cut()
    cut.id = name
    cut.supervisions = [SupervisionSegment(name, name, 0.0, cut.duration, text="low", speaker="s")]
    cuts = folder / f"{name}.jsonl"
    CutSet.from_cuts([cut]).to_file(cuts)
    return ["--cuts", cuts]


def test_bad_audio_is_named(mistakes: MistakeKit, tmp_path: Path) -> None:
    samples = np.zeros(RATE)
    samples[100] = np.nan
    wrong = with_audio(tmp_path, "spoilt", samples)
    file = tmp_path / "spoilt.wav"
    alone = ["transcribe", "--bundle", mistakes.kit.bundle, file, "--output-dir", mistakes.output]
    for line in (
        mistakes.refuses("decode", *GREEDY, *wrong),
        mistakes.refuses("align", *wrong),
        mistakes.told(alone),
    ):
        assert "spoilt" in line and "not finite" in line


def test_a_cut_of_an_hour_is_left_to_transcribe(
    mistakes: MistakeKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "LONGEST_CUT", 10.0)
    wrong = with_audio(tmp_path, "hour", np.zeros(RATE * 11))
    assert "asr transcribe" in mistakes.refuses("decode", *GREEDY, *wrong)


@pytest.mark.parametrize("content", ["", "\n\n", '{"a": 1}\n', "RIFF"])
def test_files_that_hold_no_cuts(content: str, mistakes: MistakeKit, tmp_path: Path) -> None:
    cuts = tmp_path / "cuts.jsonl"
    cuts.write_text(content)
    for command in ("decode", "align"):
        assert str(cuts) in mistakes.refuses(command, "--cuts", cuts)


def test_files_of_one_name(mistakes: MistakeKit, tmp_path: Path) -> None:
    other = tmp_path / "test-000.flac"
    soundfile.write(other, np.zeros(RATE), RATE)
    told = mistakes.refuses("transcribe", *GREEDY, other)
    assert "several files are called test-000" in told


def test_memory_that_does_not_suffice(
    mistakes: MistakeKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocate(*given: object, **named: object) -> None:
        import torch

        torch.empty(2**60)

    monkeypatch.setattr("asr.decoding.recognizer.decode", allocate)
    for command in ("decode", "transcribe"):
        line = mistakes.refuses(command, *GREEDY)
        assert "not enough memory for ctc-greedy" in line and "batch duration" in line


@pytest.mark.parametrize("below", [False, True])
def test_a_file_in_the_place_of_the_output_folder(
    below: bool, mistakes: MistakeKit, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    output = file / "out" if below else file
    cuts = mistakes.kit.corpus.dev_cuts
    for command, options, written in (
        ("decode", GREEDY, output),
        ("transcribe", GREEDY, output),
        ("align", (), output),
        ("graph", ("--type", "h"), output),
        ("lm train", ("--text", cuts), file),
    ):
        line = mistakes.told(mistakes.arguments(command, *options, output=written), tmp_path)
        assert "cannot be written" in line and str(file) in line
    assert file.read_text() == "kept"
