"""Files are written whole or not at all, and nothing is left of a process that was killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from asr.files import write_text
from tests.patience import PATIENCE

# Writes half a file and then says so; waits for ever, or writes the next file.
WRITER = """
import sys, time
from asr.files import atomic_writer, write_text
if sys.argv[2] == "whole":
    write_text(sys.argv[1] + "/other.txt", "whole")
else:
    with atomic_writer(sys.argv[1] + "/file.txt") as stream:
        stream.write("half")
        stream.flush()
        print("half", flush=True)
        time.sleep(1000)
"""


def write(folder: Path, what: str) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITER, str(folder), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_what_a_killed_process_has_left_goes_and_what_a_living_one_writes_stays(
    tmp_path: Path,
) -> None:
    own = tmp_path / ".notes.asr-partial"
    own.write_text("of the user")
    living, killed = write(tmp_path, "half"), write(tmp_path, "half")
    for process in (living, killed):
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
    killed.kill()
    killed.wait()
    assert len(hidden(tmp_path)) == 3
    assert write(tmp_path, "whole").wait(timeout=PATIENCE) == 0
    assert len(hidden(tmp_path)) == 2
    living.kill()
    living.wait()
    assert write(tmp_path, "whole").wait(timeout=PATIENCE) == 0
    assert hidden(tmp_path) == [own.name]
    assert not (tmp_path / "file.txt").exists()


def test_an_error_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "before")
    with pytest.raises(TypeError):
        write_text(tmp_path / "a.txt", 5)  # type: ignore[arg-type]
    assert (tmp_path / "a.txt").read_text() == "before"
    assert hidden(tmp_path) == []
