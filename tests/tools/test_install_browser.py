"""tools/install_browser.sh with programs that only pretend."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "install_browser.sh"


def program(path: Path, body: str = "exit 1") -> Path:
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)
    return path


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script where nothing but the programs of a folder is to be found."""
    return subprocess.run(
        ["/bin/bash", str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        env={"PATH": str(folder), **environment},
    )


@pytest.fixture
def user(tmp_path: Path) -> Path:
    program(tmp_path / "id", "echo 1000")
    program(tmp_path / "apt-get", "echo $* >> ${0%/*}/apt.log")
    return tmp_path


@pytest.fixture
def root(user: Path) -> Path:
    program(user / "id", "echo 0")
    return user


@pytest.mark.parametrize("name", ["chromium", "google-chrome"])
def test_a_browser_that_is_here_is_used(root: Path, name: str) -> None:
    browser = program(root / name)
    for arguments in ([], ["--find"]):
        done = run(root, *arguments)
        assert (done.returncode, done.stdout) == (0, f"{browser}\n")
    assert not (root / "apt.log").exists()


def test_a_named_browser_goes_before_the_others(root: Path, tmp_path: Path) -> None:
    program(root / "chromium")
    mine = program(root / "mine")
    assert run(root, ASR_BROWSER=str(mine)).stdout == f"{mine}\n"
    done = run(root, ASR_BROWSER=str(tmp_path / "none"))
    assert done.returncode == 1
    assert "ASR_BROWSER" in done.stderr
    assert not (root / "apt.log").exists()


def test_root_installs_one(root: Path) -> None:
    make = ": > ${0%/*}/chromium; /bin/chmod +x ${0%/*}/chromium"
    note = "echo $* >> ${0%/*}/apt.log"
    program(root / "apt-get", f"{note}; [[ $* == *update ]] || {{ {make}; }}")
    done = run(root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(root / "chromium")
    assert "chromium" in (root / "apt.log").read_text()


@pytest.mark.parametrize("who", ["user", "root"])
def test_where_none_can_be_had_one_line_says_so(who: str, request: pytest.FixtureRequest) -> None:
    done = run(request.getfixturevalue(who))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "tests of the page will be skipped" in line
    assert run(request.getfixturevalue(who), "--find").returncode == 1


def test_users_do_not_call_apt(user: Path) -> None:
    run(user)
    assert not (user / "apt.log").exists()


def test_an_unknown_option_is_refused(user: Path) -> None:
    done = run(user, "--fnd")
    assert done.returncode == 2
    assert "--fnd" in done.stderr
