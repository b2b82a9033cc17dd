"""`asr init-recipe`: the recipes it writes, the splits, and what it refuses."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.config.loading import load_config
from asr.corpora.tables.corpora import TableRequest
from asr.models import AsrModel
from asr.recipes.splits import choose_parts, plan_splits
from tests.corpus_files import read_rows, write_noise
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


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_shellcheck(tmp_path: Path, corpus: Path, egs: Path, is_elsewhere: bool) -> None:
    odd = corpus.rename(corpus.with_name("it's $HOME"))
    folder = tmp_path / "egs" if is_elsewhere else egs
    assert init("mine", odd, folder) == 0
    shellcheck = Path(sys.executable).with_name("shellcheck")
    command = [str(shellcheck), "-x", "egs/mine/run.sh"]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False)
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
        (["metadata_train", "metadata_eval"], {"train", "test"}, {"dev"}, ""),
        (["an4_train_manifest", "an4_val_manifest"], {"train", "dev"}, {"test"}, ""),
        (["north", "south"], {"train"}, {"dev", "test"}, ""),
    ],
)
def test_own_parts(
    tmp_path: Path, parts: list[str], splits: set[str], held: set[str], unused: str
) -> None:
    for part in parts:
        lines = "".join(f"{part}{i}.wav,word,{part}-{i % 10}\n" for i in range(200))
        (tmp_path / f"{part}.csv").write_text("path,text,speaker\n" + lines)
        for index in range(200):
            (tmp_path / f"{part}{index}.wav").write_bytes(b"there")
    plan = plan_splits(choose_parts(TableRequest("table", tmp_path, "en", {}), parts), ())
    assert (set(plan.request.splits), set(plan.request.holdouts)) == (splits, held)
    told = [warning.partition(";")[0] for warning in plan.warnings]
    assert told == ([f"not used: {unused} (200 utterances"] if unused else [])
    assert plan.request.split_by == "speaker"
    known = [{row.speaker for row in rows} for rows in plan.tables.rows.values()]
    assert sum(map(len, known)) == len(set().union(*known))


def test_shared_speakers_of_own_splits_are_told(tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        (tmp_path / f"{part}.csv").write_text(f"path,text,speaker\n{part}.wav,word,anna\n")
    own = choose_parts(TableRequest("table", tmp_path, "en", {}), ["dev", "test", "train"])
    plan = plan_splits(own, ())
    assert len(plan.warnings) == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("taken", [], "the recipe exists already"),
        ("a/b", [], "is no name for a recipe"),
        ("mine", ["--from", "nowhere"], "no such file or folder"),
        ("mine", ["--layout", "kaldy"], "Did you mean 'kaldi'"),
        ("mine", ["--layout", "LJSpeech"], "one of those that 'pairs' reads"),
        ("mine", ["--layout", "kaldi"], "is not laid out as wav.scp"),
        ("mine", ["--column", "text"], "is not KEY:NAME"),
        ("mine", ["--column", "text:said"], "is not laid out as cells under a header"),
        ("mine", ["--egs-dir", "/dev/null/egs"], "/dev/null"),
        ("mine", ["--normaliser", "englisch"], "'englisch' is not one of"),
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


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_recordings_say_how_many_are_needed(
    tmp_path: Path, egs: Path, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    for index in range(count):
        write_noise(tmp_path / "few" / f"{index}.wav", 0.5).with_suffix(".txt").write_text("word")
    for broken in ("gone", "empty"):
        (tmp_path / "few" / f"{broken}.txt").write_text("word")
    (tmp_path / "few" / "empty.wav").touch()
    assert init("mine", tmp_path / "few", egs) == 2
    told = capsys.readouterr().err
    assert f"{count} utterance" in told
    assert "At least 3 are needed" in told
    assert told.count("\n") == 1
    assert not list(egs.iterdir())


def test_too_few_in_the_own_parts_tells_what_lies_beside_them(
    tmp_path: Path, egs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, count in (("train", 1), ("test", 1), ("north", 6), ("south", 3)):
        for index in range(count):
            path = write_noise(tmp_path / "c" / folder / f"{index}.wav", 0.5)
            path.with_suffix(".txt").write_text("word")
    assert init("mine", tmp_path / "c", egs) == 2
    told = capsys.readouterr().err
    assert "1 utterance is usable, too few to train and hold out dev" in told
    assert "Not used: rest (9 utterances; move them into a part called train, dev or test" in told
    assert told.count("\n") == 1
    for path in (tmp_path / "c" / "train").glob("*.wav"):
        path.write_bytes(b"no audio")
    assert init("mine", tmp_path / "c", egs) == 2
    assert "Not used: rest (9 utterances" in capsys.readouterr().err


def test_one_count_of_speakers(
    tmp_path: Path, egs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Speakers none of whose rows can be used are counted nowhere, whatever is wrong with them."""
    lines = ["path,text,speaker"]
    for index in range(50):
        path = write_noise(tmp_path / f"{index}.wav", 0.5)
        lines.append(f"{index}.wav,{'' if index % 5 == 1 else 'word'},s{index % 5}")
        if index % 5 == 0:
            path.write_bytes(b"no audio at all")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    assert init("mine", tmp_path / "t.csv", egs) == 0
    told = capsys.readouterr().out
    assert "30 utterances, 3 speakers" in told
    counts = re.findall(r"\d+ (?:known )?speakers", told)
    assert {count.split()[0] for count in counts} == {"3"}, counts
    assert len(counts) > 1


@pytest.mark.parametrize("speakers", [1, 8])
def test_broken_rows_are_neither_counted_nor_held_out(
    tmp_path: Path, egs: Path, capsys: pytest.CaptureFixture[str], speakers: int
) -> None:
    lines = ["path,text,speaker"]
    for index in range(24):
        if index % 8 < 3:
            write_noise(tmp_path / f"{index}.wav", 0.5)
        elif index % 8 == 3:
            (tmp_path / f"{index}.wav").touch()
        lines.append(f"{index}.wav,word,s{index % speakers}")
    lines.append(lines[1])
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    assert init("mine", tmp_path / "t.csv", egs) == 0
    told = capsys.readouterr().out
    assert f"9 utterances, {min(speakers, 3)} speakers" in told
    assert "0: duplicate-id" in told
    asked = (egs / "mine" / "run.sh").read_text().split("make_tables table und ")[1].splitlines()[0]
    arguments = ["table", *shlex.split(asked), "--language", "en", "--layout", "table"]
    paths = ["--corpus-dir", str(tmp_path / "t.csv"), "--output-dir", str(tmp_path / "tables")]
    assert main([*arguments, *paths]) == 0
    for split in ("train", "dev", "test"):
        rows = read_rows(tmp_path / "tables" / f"{split}.jsonl")
        assert any(Path(row["path"]).is_file() for row in rows), split


WRITTEN = {
    # language, transcripts: normaliser and what is said of them
    ("en", "Hello there.", "ok"): ("english", "small letters and capitals in 50%, punctuation in"),
    ("en-GB", "the 2nd of may", "may"): ("english", "digits in 50%"),
    ("en", "don't", "well-known", "dogs' 'tis"): ("none", "one case, no punctuation"),
    ("en", "HELLO THERE", "DON'T"): ("none", "one case"),
    ("de", "Guten Tag!", "ja"): ("plain", "punctuation in 50%"),
    ("de", "guten tag", "ja"): ("none", "one case"),
    (None, "今天天气很好。", "打开窗户"): ("mandarin", "punctuation in 50%"),
    (None, "今天天气很好", "打开窗户"): ("none", "one case"),
    (None, "今日はいい天気です。", "ありがとう"): ("plain", "punctuation in 50%"),
    (None, "今天 play 音乐吧", "Open 红色的窗户"): ("mixed", "small letters and capitals"),
    (None, "Доброе утро", "да"): ("plain", "small letters and capitals in 50%"),
}


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case[1])
def test_case_and_punctuation_are_decided(
    tmp_path: Path, egs: Path, capsys: pytest.CaptureFixture[str], case: tuple[str, ...]
) -> None:
    language, *texts = case
    for index in range(12):
        path = write_noise(tmp_path / "c" / f"{index}.wav", 0.5)
        path.with_suffix(".txt").write_text(texts[index % len(texts)], encoding="utf-8")
    assert init("mine", tmp_path / "c", egs, *(["--language", language] if language else [])) == 0
    told = capsys.readouterr().out
    normaliser, why = WRITTEN[case]
    (row,) = [line for line in told.splitlines() if line.startswith("| text ")]
    assert f"normaliser: {normaliser} " in row
    assert why in row
    assert f"normaliser={normaliser}\n" in (egs / "mine" / "run.sh").read_text()
    for conf in (egs / "mine" / "conf").glob("conf*.yaml"):
        assert load_config(conf).tokenizer_params.normaliser == normaliser
    assert init("kept", tmp_path / "c", egs, "--normaliser", "none") == 0
    assert "normaliser: none " in capsys.readouterr().out
    assert "normaliser=none\n" in (egs / "kept" / "run.sh").read_text()


def test_tags_and_digits_are_told(
    tmp_path: Path, egs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(12):
        path = write_noise(tmp_path / "c" / f"{index}.wav", 0.5)
        path.with_suffix(".txt").write_text("ja 3 [noise]" if index % 4 == 0 else "nein")
    assert init("mine", tmp_path / "c", egs, "--language", "de") == 0
    told = capsys.readouterr().out
    assert "mind: 25% of the transcripts hold tags such as [noise]" in told
    assert "mind: 25% of the transcripts hold digits" in told


@pytest.mark.parametrize(
    ("stand_in", "egs_in"), [("", ""), ("a folder", "a folder"), ("checkout/utils", "checkout")]
)
def test_recipes_lie_where_the_user_stands(
    tmp_path: Path,
    corpus: Path,
    egs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    stand_in: str,
    egs_in: str,
) -> None:
    """In a checkout, from wherever in it, its egs/; elsewhere egs/ beside the user."""
    (tmp_path / stand_in).mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / stand_in)
    assert main(["init-recipe", "mine", "--from", str(corpus)]) == 0
    recipe = tmp_path / egs_in / "egs" / "mine"
    assert "--rehearse" in capsys.readouterr().out
    done = subprocess.run(
        ["bash", str(recipe / "run.sh"), "--rehearse", "--stop-stage", "0", "--features", "none"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (
        2,
        "run.sh: error: --features takes stored, on-the-fly or shards, not 'none'",
    )
    is_elsewhere = egs_in != "checkout"
    assert (str(ROOT) in (recipe / "run.sh").read_text()) == is_elsewhere


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
