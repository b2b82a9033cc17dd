"""Kill a recipe's rehearsal at random moments and look at what is left.

    python tools/kill_recipe.py WORK_DIR [--recipe an4] [--kills 50] [--seed 0] [--longest 20]

The rehearsal runs once to its end, then again in the same folder, killed with SIGKILL over and over
until it has ended as well: the script alone, its process group, one process of it, or all at once.
After each kill no process may be left, in the end no half-written file, and features, tokens,
weights and hypotheses have to be those of the first run, byte for byte. Exits with 1 otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = "ASR_KILLED_RECIPE"  # in the environment of every process of the recipe
SECONDS_TO_END = 120.0  # for a process that has lost its parent, on a busy machine
COMPARED = (
    "data/*/cuts*.jsonl", "data/*/fbank/*", "data/lang_*/*", "exp/*/bundle/weights.pt",
    "exp/*/checkpoints/weights-*.pt", "exp/*/decode/*/*/hyps.*",
)  # fmt: skip
STRAY = (".*.asr-part", ".part-*", "*.tmp", f"*.{os.uname().nodename}.[0-9]*")
# The rehearsal makes its audio anew, and names of features hold the time when that was.
FEATURES_NAME = re.compile(rb"(part-\d+)-[0-9a-f]{16}")


def processes(mark: str) -> list[int]:
    """Return the living processes that carry a mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            is_marked = f"{MARK}={mark}\0".encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if is_marked and state != "Z":
            found.append(int(entry.name))
    return sorted(found)


def start(command: Sequence[str], mark: str, log: Path) -> subprocess.Popen[bytes]:
    """Start a recipe in a session of its own."""
    environment = {
        **os.environ,
        MARK: mark,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def kill(process: subprocess.Popen[bytes], mark: str, rng: random.Random) -> str:
    """Kill a part of a running recipe; returns which."""
    kind = rng.choice(("script", "group", "one", "all"))
    alive = processes(mark)
    targets = {"script": [process.pid], "one": [rng.choice(alive)] if alive else []}
    if kind == "group":
        os.killpg(process.pid, signal.SIGKILL)
    for pid in targets.get(kind, alive if kind == "all" else []):
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, signal.SIGKILL)
    return kind


def wait_for_none(process: subprocess.Popen[bytes], mark: str) -> list[int]:
    """Return the processes that have not ended in time."""
    deadline = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < deadline:
        process.poll()
        alive = processes(mark)
        if not alive:
            break
        time.sleep(0.2)
    return processes(mark)


def results(folder: Path) -> dict[str, str]:
    """Return a hash of each compared file of a rehearsal."""
    paths = sorted(path for pattern in COMPARED for path in folder.glob(pattern) if path.is_file())
    return {
        _timeless(os.fsencode(path.relative_to(folder))).decode(): hashlib.sha256(
            _timeless(path.read_bytes()) if path.suffix == ".jsonl" else path.read_bytes()
        ).hexdigest()
        for path in paths
    }


def _timeless(content: bytes) -> bytes:
    return FEATURES_NAME.sub(rb"\1", content)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--recipe", default="an4")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=20.0, help="seconds until a kill")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    work = arguments.work_dir.resolve()
    work.mkdir(parents=True)
    for name in ("egs", "utils"):
        shutil.copytree(
            ROOT / name,
            work / name,
            ignore=shutil.ignore_patterns("data", "exp", "results", "rehearsal"),
        )
    recipe = work / "egs" / arguments.recipe
    command = ["bash", str(recipe / "run.sh"), "--rehearse", "--methods", "ctc-greedy"]
    faults = kill_often(
        [*command, "--num-gpus", "2"],
        recipe / "rehearsal",
        work / "log",
        arguments.kills,
        arguments.longest,
        rng,
    )
    print(*faults, f"{len(faults)} faults", sep="\n")
    return 1 if faults else 0


def kill_often(
    command: Sequence[str], made: Path, log: Path, kills: int, longest: float, rng: random.Random
) -> list[str]:
    """Run a recipe once to its end, then kill it and run it again; return what went wrong.

    Args:
        made: the folder that it makes, anew for each whole run.
        longest: seconds until a kill.
    """
    if start(command, f"{os.getpid()}-whole", log).wait() != 0:
        return [f"the recipe fails by itself: {log}"]
    expected = results(made)
    print(f"{len(expected)} files to compare", flush=True)
    if not expected:
        return ["the recipe makes nothing that could be compared"]
    shutil.rmtree(made)
    killed, rounds = 0, 0
    while True:
        mark = f"{os.getpid()}-{rounds}"
        rounds += 1
        process = start(command, mark, log)
        try:
            code = process.wait(rng.uniform(0.5, longest) if killed < kills else None)
        except subprocess.TimeoutExpired:
            kind = kill(process, mark, rng)
            killed += 1
            if kind == "one":  # the script ends the others, or does not need the one and goes on
                process.wait()
            left = wait_for_none(process, mark)
            print(f"kill {killed}: {kind}, {len(left)} left", flush=True)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            code = process.wait()
            if left:
                return [f"kill {killed} ({kind}) left {left}"]
            if code != 0:
                continue
        if code != 0:
            return [f"a run that was not killed ended with {code}: {log}"]
        faults = compare(made, expected)
        print(f"the recipe has ended after {killed} kills, {len(faults)} faults", flush=True)
        if killed >= kills or faults:
            return faults
        shutil.rmtree(made)  # and once more


def compare(made: Path, expected: dict[str, str]) -> list[str]:
    """Return what differs from the first run, and what was left half-written."""
    found = results(made)
    changed = [name for name in expected if found.get(name) != expected[name]]
    stray = [
        str(path)
        for pattern in STRAY
        for path in made.rglob(pattern)
        if "tfevents" not in path.name  # TensorBoard names its files by host and process
    ]
    return [f"{name} differs" for name in changed] + [f"{path} is left" for path in stray]


if __name__ == "__main__":
    sys.exit(main())
