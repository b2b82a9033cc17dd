"""What each command imports before it needs a model: neither torch nor lhotse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.cli.main import COMMANDS
from tests.scoring.conftest import MakeDecode

LIGHT = {
    "annotated_types", "asr", "cffi", "click", "kaldialign", "numpy", "pydantic", "pydantic_core",
    "sentencepiece", "soundfile", "tqdm", "typing_extensions", "typing_inspection", "yaml",
}  # fmt: skip
AT_WORK = {"graph": {"kaldifst", "kaldilm"}}

# Runs each command line of a list in a process of its own, and prints the packages that it has
# loaded then. They are forked from one that has loaded what every command may load.
PROGRAM = """
import contextlib, io, json, os, sys, sysconfig
import asr.config.schema, asr.cli.options, yaml
from asr.cli.main import main

def packages():
    base = sysconfig.get_paths()["purelib"]
    for name, module in list(sys.modules.items()):
        if "." not in name and (getattr(module, "__file__", None) or "").startswith(base):
            if not name.startswith("_"):
                yield name

for arguments in json.loads(sys.argv[1]):
    sys.stdout.flush()
    if os.fork() == 0:
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = main(arguments)
        print(json.dumps([arguments, code, sorted(packages()), told.getvalue()]), flush=True)
        os._exit(0)
    os.wait()
"""


def loaded_by(command_lines: list[list[str]], folder: Path) -> list[tuple[str, int, set[str], str]]:
    """Run command lines; return each with its exit code, the packages loaded and what it told."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(command_lines)],
        capture_output=True, text=True, check=True, cwd=folder,
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(command_lines), done.stderr
    return [(" ".join(words), code, set(names), told) for words, code, names, told in rows]


@pytest.mark.parametrize(("option", "exit_code"), [("--help", 0), ("--no-such-option", 2)])
def test_help_and_usage_errors_load_what_is_light(
    option: str, exit_code: int, tmp_path: Path
) -> None:
    lines = [[name, option] for name in COMMANDS]
    lines += [["lm", command, option] for command in ("train", "prune", "perplexity")]
    loaded = loaded_by([*lines, [option], ["nothing-like-it", option]], tmp_path)
    assert [code for _, code, _, _ in loaded[:-1]] == [exit_code] * (len(lines) + 1)
    assert {line: more for line, _, names, _ in loaded if (more := names - LIGHT)} == {}


def test_work_that_needs_no_model_loads_what_is_light(
    tmp_path: Path, make_decode: MakeDecode
) -> None:
    write_inputs(tmp_path)
    make_decode([("a-1", "one two", "one two"), ("b-1", "two", "three")])
    lines = [
        "config conf.yaml",
        "config --reference",
        "table --corpus-dir corpus --language en --output-dir tables all=all",
        "init-recipe mine --from corpus --egs-dir egs",
        "tokenizer --config conf.yaml --text text --output-dir lang",
        "graph --type hl --tokenizer lang --words words --output-dir graph",
        "score --ref text.trn --hyp text.trn",
        "score exp/conformer/decode/test/ctc-greedy",
        "report",
    ]
    for line, code, names, told in loaded_by([line.split() for line in lines], tmp_path):
        assert code == 0, told
        assert names - LIGHT - AT_WORK.get(line.split()[0], set()) == set(), line
    made = ("tables/all.jsonl", "egs/mine/run.sh", "graph/graph.json", "results/report.html")
    assert [name for name in made if not (tmp_path / name).exists()] == []


def test_mistakes_are_told_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    """A wrong conf, option or name of a thing that the options themselves tell."""
    (tmp_path / "wrong.yaml").write_text("trainig: {}")
    lines = [
        "train --config wrong.yaml --train-cuts a --dev-cuts b --tokenizer c --exp-dir d",
        "features --config wrong.yaml --cuts a --output-dir b",
        "create-dataset --cuts a --output-dir b --features",
        "create-dataset --config wrong.yaml --cuts a --output-dir b",
        "validate --manifests a --split b --output-dir c --config wrong.yaml",
        "validate --manifests a --split b --output-dir c --reject nothing-like-it",
        "table --corpus-dir nowhere --language en --output-dir tables all=all",
        "init-recipe mine --from nowhere --egs-dir egs",
        "transcribe --bundle nowhere a.wav --window -1",
        "serve --bundle nowhere --set serving.max_sesions=1",
        "stream --bundle a --cuts b --split c --output-dir d --set chunk=3",
        "export --bundle a --output b --format onnx --opset 3",
        "client",
        "lm train --text a --output b --cutoffs x",
    ]
    loaded = loaded_by([line.split() for line in lines], tmp_path)
    assert {line: told for line, code, _, told in loaded if code != 2} == {}
    assert {line: more for line, _, names, _ in loaded if (more := names - LIGHT)} == {}


def write_inputs(folder: Path) -> None:
    """Write a corpus of eight words by four people, its text and its words."""
    words = ["one two", "two three", "three one", "one one", "two two", "three two", "one", "two"]
    for number, text in enumerate(words):
        speaker = folder / "corpus" / f"s{number // 2}"
        speaker.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(number).normal(0, 0.05, 16_000)
        soundfile.write(speaker / f"{number}.wav", samples, 16_000)
        (speaker / f"{number}.txt").write_text(text)
    (folder / "text").write_text("".join(f"{text}\n" for text in words))
    (folder / "words").write_text("one\ntwo\nthree\n")
    (folder / "text.trn").write_text("".join(f"{w} (u{n})\n" for n, w in enumerate(words)))
    (folder / "conf.yaml").write_text("tokenizer: CharTokenizer\n")
