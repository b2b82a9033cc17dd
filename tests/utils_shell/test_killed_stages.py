"""Real stages killed at random moments: nothing left, and the results of a run that was not.

`tools/kill_recipe.py` does the same, more often, to a whole recipe, its training included.
"""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

from tests.tone_corpus import CONF, make_tables
from tests.utils_shell.conftest import Recipe

TOOL = Path(__file__).resolve().parents[2] / "tools" / "kill_recipe.py"
RUN = """\
#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")"
stage=0 stop_stage=9 force=false
. UTILS/stages.sh
marker_dir=made/data/.stages log_dir=made/data/log
run_stage 1 manifests --in tables --out made/data/manifests \\
  -- asr prepare --table tables/train.jsonl --split train --output-dir made/data/manifests
run_stage 1 validation --in made/data/manifests --out made/data/train/cuts.jsonl \\
  -- asr validate --config conf.yaml --manifests made/data/manifests --split train \\
  --output-dir made/data
run_stage 2 fbank --in made/data/train/cuts.jsonl --out made/data/train/cuts_fbank.jsonl \\
  --out made/data/train/fbank \\
  -- asr features --config conf.yaml --cuts made/data/train/cuts.jsonl \\
  --output-dir made/data/train/fbank
"""


def test_kills_leave_nothing_and_change_nothing(recipe: Recipe) -> None:
    spec = importlib.util.spec_from_file_location("kill_recipe", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    make_tables(recipe.folder, {"train": 10})
    recipe.write("conf.yaml", CONF)
    script = recipe.write("run.sh", RUN)
    faults = tool.kill_often(
        ["bash", str(script)],
        recipe.folder / "made",
        recipe.folder / "log",
        kills=2,
        longest=4.0,
        rng=random.Random(1),
    )
    assert faults == [], recipe.read("log")[-3000:]
