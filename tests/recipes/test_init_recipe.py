"""`asr init-recipe`: the recipes it writes, the splits, and what it refuses."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.config.loading import load_config
from asr.data.tables.corpora import TableRequest
from asr.models import AsrModel
from asr.recipes.splits import plan_splits
from tests.corpus_files import write_noise
from tests.recipes.conftest import ROOT
from tests.recipes.test_all_recipes import COPIED


@pytest.fixture
def egs(tmp_path: Path) -> Path:
    """An empty egs/ of a checkout."""
    shutil.copytree(ROOT / "utils", tmp_path / "checkout" / "utils")
    (tmp_path / "checkout" / "egs").mkdir()
    return tmp_path / "checkout" / "egs"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twelve recordings of six speakers, at 8 kHz, in a folder whose name has a space."""
    folder = tmp_path / "my corpus"
    for index in range(12):
        path = write_noise(folder / f"s{index % 6}" / f"{index}.wav", 0.5, rate=8000)
        path.with_suffix(".txt").write_text(f"word {index}")
    return folder


def init(name: str, source: Path, egs: Path, *options: str) -> int:
    arguments = ["init-recipe", name, "--from", str(source), "--egs-dir", str(egs)]
    return main([*arguments, *options])


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_whole_recipe(corpus: Path, egs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(corpus)
    assert init("mine", corpus, egs, "--language", "en") == 0
    assert contents(corpus) == before
    told = capsys.readouterr().out
    for expected in ("folder", "12 utterances, 6 speakers", "8000 Hz", "by speaker", "Char"):
        assert expected in told
    recipe = egs / "mine"
    assert [path.name for path in egs.iterdir()] == ["mine"]
    readme = (recipe / "README.md").read_text()
    assert readme.startswith("# mine")
    assert "8000 Hz" in readme
    assert len((recipe / "run.sh").read_text().splitlines()) <= 120
    confs = sorted((recipe / "conf").glob("*.yaml"))
    assert len(confs) == 5
    for conf in confs:
        config = load_config(conf)
        assert config.features_params.sampling_rate == 8000
        assert AsrModel(config, vocab_size=20).num_parameters > 0


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck(corpus: Path, egs: Path) -> None:
    odd = corpus.rename(corpus.with_name("it's $HOME"))
    assert init("mine", odd, egs) == 0
    command = ["shellcheck", "-x", "egs/mine/run.sh"]
    done = subprocess.run(command, cwd=egs.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_two_recipes_share_no_block(corpus: Path, egs: Path) -> None:
    blocks = []
    for name in ("first", "second"):
        assert init(name, corpus, egs) == 0
        found = set()
        for path in (egs / name).rglob("*.*"):
            lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
            starts = range(len(lines) - COPIED + 1)
            found |= {tuple(lines[start : start + COPIED]) for start in starts}
        blocks.append(found)
    assert not blocks[0] & blocks[1]


def test_one_speaker_is_parted_by_utterance_and_says_so(
    tmp_path: Path, egs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(10):
        path = write_noise(tmp_path / "flat" / f"{index}.wav", 0.5)
        path.with_suffix(".txt").write_text("word")
    assert init("mine", tmp_path / "flat", egs) == 0
    told = capsys.readouterr().out
    assert "mind: 0 known speakers: too few" in told
    assert "too few, or too unequal" in (egs / "mine" / "README.md").read_text()
    assert "--split-by utterance" in (egs / "mine" / "run.sh").read_text()


def test_broken_rows_are_named(
    tmp_path: Path, egs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["clip,said,who"]
    for index in range(12):
        write_noise(tmp_path / f"{index}.wav", 0.5)
        lines.append(f"{index}.wav,word,s{index % 6}")
    table = tmp_path / "t.csv"
    table.write_text("\n".join([*lines, "gone.wav,word,s1", "13.wav,,s1", "0.wav,a,b,c"]))
    columns = ("--column", "path:clip", "--column", "text:said", "--column", "speaker:who")
    assert init("mine", table, egs, *columns) == 0
    told = capsys.readouterr().out
    for reason in ("gone: missing-audio", "13: missing-transcript", "t.csv:16: 4 columns"):
        assert reason in told
    assert "--column text:said" in (egs / "mine" / "run.sh").read_text()


@pytest.mark.parametrize(
    ("parts", "splits", "held", "unused"),
    [
        (["train", "dev", "test"], {"train", "dev", "test"}, set(), ""),
        (["train_clean", "validation"], {"train", "dev"}, {"test"}, ""),
        (["train", "dev", "test", "validated"], {"train", "dev", "test"}, set(), "validated"),
        (["north", "south"], {"train"}, {"dev", "test"}, ""),
    ],
)
def test_own_parts(
    tmp_path: Path, parts: list[str], splits: set[str], held: set[str], unused: str
) -> None:
    for part in parts:
        lines = "".join(f"{part}{i}.wav,word,{part}-{i % 10}\n" for i in range(200))
        (tmp_path / f"{part}.csv").write_text("path,text,speaker\n" + lines)
    plan = plan_splits(TableRequest("table", tmp_path, "en", {}), parts)
    assert (set(plan.request.splits), set(plan.request.holdouts)) == (splits, held)
    assert ("".join(plan.warnings)).removeprefix("not used: ") == unused
    assert plan.request.split_by == "speaker"
    known = [{row.speaker for row in rows} for rows in plan.tables.rows.values()]
    assert sum(map(len, known)) == len(set().union(*known))


def test_shared_speakers_of_own_splits_are_told(tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        (tmp_path / f"{part}.csv").write_text(f"path,text,speaker\n{part}.wav,word,anna\n")
    plan = plan_splits(TableRequest("table", tmp_path, "en", {}), ["dev", "test", "train"])
    assert len(plan.warnings) == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("taken", [], "the recipe exists already"),
        ("a/b", [], "is no name for a recipe"),
        ("mine", ["--from", "nowhere"], "no such file or folder"),
        ("mine", ["--layout", "kaldy"], "Did you mean 'kaldi'"),
        ("mine", ["--layout", "kaldi"], "is not laid out as wav.scp"),
        ("mine", ["--column", "text"], "is not KEY:NAME"),
        ("mine", ["--column", "text:said"], "is not laid out as cells under a header"),
        ("mine", ["--egs-dir", "/nowhere/egs"], "not in a checkout"),
    ],
)
def test_refusals(
    corpus: Path,
    egs: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: list[str],
    message: str,
) -> None:
    (egs / "taken").mkdir()
    assert init(name, corpus, egs, *options) == 2
    told = capsys.readouterr().err.strip()
    assert message in told
    assert len(told.splitlines()) == 1
    assert [path.name for path in egs.iterdir()] == ["taken"]


def test_folders_it_cannot_use(
    tmp_path: Path, egs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert init("mine", tmp_path / "empty", egs) == 2
    assert "is laid out in no known way" in capsys.readouterr().err
    (tmp_path / "t.csv").write_text("path,text\ngone.wav,word\nlost.wav,word\nfled.wav,word\n")
    assert init("mine", tmp_path / "t.csv", egs) == 2
    assert "3 of 3 are missing-audio" in capsys.readouterr().err
    write_noise(egs / "a.wav", 0.2).with_suffix(".txt").write_text("word")
    assert init("mine", egs, egs) == 2
    assert "lies inside the corpus" in capsys.readouterr().err
