"""Install lines, in messages and documents: what they name can be installed."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import asr
from asr.doctor import OPTIONAL
from asr.errors import UserError, install_command, needs_extra

ROOT = Path(__file__).parents[1]
WITH_COMMANDS = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("egs/**/*.md"),
                 *ROOT.glob("asr/**/*.py")]  # fmt: skip
OTHERS = [ROOT / "Makefile", *ROOT.glob("egs/*/run.sh"), *ROOT.glob("egs/*/local/*"),
          *ROOT.glob("utils/*.sh"),
          *ROOT.glob("tools/*.*"), *ROOT.glob("tools/docker/*")]  # fmt: skip
PUBLISHED = {  # by others, and installed beside the toolkit, not by it
    "sherpa-onnx-bin",
}


def of_setup(name: str) -> object:
    (value,) = [
        node.value
        for node in ast.parse((ROOT / "setup.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    return ast.literal_eval(value)


def extras() -> dict[str, list[str]]:
    found = of_setup("EXTRAS")
    assert isinstance(found, dict)
    return found


def installed_names() -> set[str]:
    core = of_setup("CORE")
    assert isinstance(core, list)
    requirements = [*core, *(name for names in extras().values() for name in names)]
    return {re.split("[<>=! ]", name)[0].lower() for name in requirements}


def test_no_text_installs_the_toolkit_by_a_name_that_is_not_published() -> None:
    for path in (*WITH_COMMANDS, *OTHERS):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not re.search(r"install \S*asr-toolkit|asr-toolkit *\[", text), path


def test_install_lines_name_this_folder_or_what_is_published() -> None:
    lines = [
        (path, line)
        for path in WITH_COMMANDS
        for line in re.findall(r"pip install ([^`\n]*)", path.read_text(encoding="utf-8"))
    ]
    assert len(lines) > 3
    for path, line in lines:
        told = re.split(r"[#;,:)(]|\s(?:for|and|brings|without|in)\s", line)[0]
        for word in told.replace("'", "").replace('"', "").split():
            if word.startswith(("-", "{")) or word.strip(".").isupper():  # options, placeholders
                continue
            folder = re.fullmatch(r"\.(?:\[([\w,]+)\])?", word)
            if folder:
                assert set((folder[1] or "test").split(",")) <= set(extras()), (path, line)
            else:
                name = re.split("[<>=!]", word)[0].lower()
                assert name in installed_names() | PUBLISHED, (path, line)


@pytest.mark.parametrize("part", OPTIONAL, ids=lambda part: part.package)
def test_what_brings_an_optional_part_names_it(part: object) -> None:
    assert any(part.package in extras()[extra] for extra in part.extras)  # type: ignore[attr-defined]


def test_the_command_of_a_message_can_be_pasted() -> None:
    with pytest.raises(UserError) as caught, needs_extra("a test", "serve", ["not_there"]):
        import not_there  # noqa: F401
    command = str(caught.value).partition("Install it by: ")[2]
    assert command == install_command("serve")
    words = shlex.split(command)
    assert words[0] == sys.executable
    where = words.index("install") + 1
    words[where:where] = ["--dry-run", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Would install asr-toolkit" in done.stdout
    assert "does not provide the extra" not in done.stderr


def test_the_version_is_told_alike_everywhere() -> None:
    assert asr.__version__ == metadata.version("asr-toolkit")
    told = subprocess.run(
        [sys.executable, "-m", "asr", "--version"], capture_output=True, text=True, check=True
    )
    assert told.stdout.split()[-1] == asr.__version__
    ran = subprocess.run(
        [sys.executable, str(ROOT / "setup.py"), "--version"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert ran.stdout.split()[-1] == asr.__version__
