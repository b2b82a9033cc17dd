"""docs/your_own_data.md as a user follows it: every bash block, in order, word for word."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from asr.data.synthesis.rehearsal import speak
from tests.patience import PATIENCE
from tests.recipes.conftest import ROOT

pytestmark = pytest.mark.recipe

TUTORIAL = (ROOT / "docs" / "your_own_data.md").read_text(encoding="utf-8")


def commands(title: str) -> str:
    """Return the bash blocks of a section, joined."""
    section = TUTORIAL.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout without recipes, with recordings and texts as the tutorial describes them."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "utils", root / "utils")
    (root / "egs").mkdir()
    for number, spoken in enumerate(speak("en", 16000, num_speakers=6, utterances_each=6)):
        path = root / "recordings" / f"speaker{spoken.speaker}" / f"{number % 6:03d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, spoken.samples, spoken.sampling_rate, subtype="PCM_16")
        path.with_suffix(".txt").write_text(spoken.text + "\n")
    return root


def follow(checkout: Path, script: str) -> str:
    """Run the commands where the tutorial says; `egs` of this checkout instead of the real one."""
    script = script.replace("asr init-recipe", "asr init-recipe --egs-dir egs")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_a_folder_of_recordings(checkout: Path) -> None:
    printed = follow(checkout, commands("A folder of recordings with text files"))
    assert "36 utterances, 6 speakers" in printed
    results = json.loads((checkout / "egs/greetings/results/test.json").read_text())
    assert results["rows"][0]["wer"]["reference_tokens"] > 0
    speakers = []
    for split in ("train", "dev", "test"):
        table = (checkout / f"egs/greetings/data/tables/{split}.jsonl").read_text().splitlines()
        speakers += sorted({json.loads(line)["speaker"] for line in table})
    assert len(speakers) == len(set(speakers)) == 6


def test_a_table_with_three_broken_rows(checkout: Path) -> None:
    example = re.search(r"^```text\n(file,.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    assert example
    header, _, *broken = example[1].splitlines()
    assert len(broken) == 3
    rows = [
        f"{path.relative_to(checkout)},{path.with_suffix('.txt').read_text().strip()},{path.parent.name}"
        for path in sorted((checkout / "recordings").rglob("*.wav"))
        if path != checkout / "recordings/speaker0/001.wav"
    ]
    (checkout / "table.csv").write_text("\n".join([header, *rows, *broken]) + "\n")
    printed = follow(checkout, commands("A table"))
    lines = printed.splitlines()
    told = [line for line in lines if line.startswith("set aside: ")]
    found = [json.loads(line) for line in lines if line.startswith('{"id"')]
    reasons = {"missing-transcript", "missing-audio", "malformed-row"}
    assert {row["reason"] for row in found} == reasons
    assert len(found) == len(told) == 3
    assert all(any(reason in line for line in told) for reason in reasons)
    kept = [
        len((checkout / f"egs/from_table/data/{split}/cuts.jsonl").read_text().splitlines())
        for split in ("train", "dev", "test")
    ]
    assert sum(kept) == len(rows)
