"""docs/your_own_data.md as a user follows it: every bash block, in order, word for word.

The long training is left out, and what uses its model uses that of the rehearsal.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from asr.signal.synthesis.rehearsal import speak
from tests.corpus_files import read_rows
from tests.recipes.conftest import ROOT

pytestmark = pytest.mark.recipe

TUTORIAL = (ROOT / "docs" / "your_own_data.md").read_text(encoding="utf-8")
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TRAINING = "bash egs/digits/run.sh\n"
BROKEN = "Rows that are broken"


def commands(text: str) -> str:
    """Return the bash blocks of a text, joined."""
    return "\n".join(re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def section(title: str) -> str:
    return TUTORIAL.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of any checkout, with recordings and texts as the tutorial has them."""
    root = tmp_path_factory.mktemp("home of a user")
    for number, spoken in enumerate(speak("en", 16000, len(SPEAKERS), utterances_each=6)):
        path = root / "recordings" / SPEAKERS[spoken.speaker] / f"{number % 6:03d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, spoken.samples, spoken.sampling_rate, subtype="PCM_16")
        path.with_suffix(".txt").write_text(f"{spoken.text.capitalize()}.\n")
    return root


def follow(home: Path, script: str) -> str:
    """Run commands where the user stands, and return what they printed."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("ASR_TOOLKIT", None)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def test_from_recordings_to_a_served_model(home: Path) -> None:
    script = commands(TUTORIAL.split(f"\n## {BROKEN}\n")[0])
    assert script.count(TRAINING) == 1
    assert script.count("8000") == 2
    script = script.replace(TRAINING, "").replace("8000", str(free_port()))
    script = script.replace("egs/digits/exp/", "egs/digits/rehearsal/exp/")
    printed = follow(home, script)
    assert "36 utterances, 6 speakers" in printed
    assert "normaliser: english" in printed
    recipe = home / "egs" / "digits"
    assert {path.name for path in recipe.iterdir()} == {"README.md", "conf", "rehearsal", "run.sh"}
    for split in ("dev", "test"):
        results = json.loads((recipe / "rehearsal" / "results" / f"{split}.json").read_text())
        assert len(results["rows"]) == 2
        assert all(row["wer"]["reference_tokens"] > 0 for row in results["rows"])
        for row in read_rows(next((recipe / "rehearsal").rglob(f"{split}/ctc-greedy/hyps.jsonl"))):
            assert row["reference"] == row["reference"].lower().strip(".")
    speakers = [
        {row["speaker"] for row in read_rows(recipe / f"rehearsal/data/tables/{split}.jsonl")}
        for split in ("train", "dev", "test")
    ]
    assert sum(map(len, speakers)) == len(set().union(*speakers)) == len(SPEAKERS)
    evaluated = json.loads((home / "evaluate/results/lucas.json").read_text())["rows"]
    assert [row["normaliser"] for row in evaluated] == ["english"]
    (answer,) = re.findall(r'^\{"text": .*\}$', printed, re.MULTILINE)
    assert isinstance(json.loads(answer)["text"], str)


def test_rows_that_are_broken(home: Path) -> None:
    example = re.search(r"^```text\n(file,.*?)^```$", section(BROKEN), re.MULTILINE | re.DOTALL)
    assert example
    header, _, *broken = example[1].splitlines()
    assert len(broken) == 3
    rows = [
        f"{path.relative_to(home)},{path.with_suffix('.txt').read_text().strip()},{path.parent.name}"
        for path in sorted((home / "recordings").rglob("*.wav"))
        if path != home / "recordings/lucas/001.wav"
    ]
    (home / "table.csv").write_text("\n".join([header, *rows, *broken]) + "\n")
    printed = follow(home, commands(section(BROKEN)))
    assert f"{len(rows)} utterances" in printed
    lines = printed.splitlines()
    told = [line for line in lines if line.startswith("set aside: ")]
    found = [json.loads(line) for line in lines if line.startswith('{"id"')]
    reasons = {"missing-transcript", "missing-audio", "malformed-row"}
    assert {row["reason"] for row in found} == reasons
    assert len(found) == len(told) == 3
    assert all(any(reason in line for line in told) for reason in reasons)
    kept = [
        len((home / f"egs/from_table/data/{split}/cuts.jsonl").read_text().splitlines())
        for split in ("train", "dev", "test")
    ]
    assert sum(kept) == len(rows)
