"""docs/architecture.md: the rooms of `asr`, what each imports, and the tests that it names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# The package offers `asr.load`, and `python -m asr` the command line: they stand over all rooms.
DOORS = {"asr/__init__.py", "asr/__main__.py"}


def table(title: str) -> list[tuple[str, str]]:
    """Return the two cells of each row of a section's table, without the header."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| (.+?) \| (.+?) \|$", section, re.MULTILINE)[1:]


ROWS = [(re.findall(r"`(.+?)`", rooms), holds) for rooms, holds in table("Rooms")]
ORDER = [room for rooms, _ in ROWS for room in rooms]
WITHOUT_TORCH = [room for rooms, holds in ROWS if holds.endswith("no torch") for room in rooms]


def room_of(path: str) -> int:
    """Return the place in `ORDER` of the room that a file stands in."""
    return next(n for n, room in enumerate(ORDER) if f"{path}/".startswith(f"{room.rstrip('/')}/"))


def file_of(module: str) -> str | None:
    path = module.replace(".", "/")
    candidates = (f"{path}.py", f"{path}/__init__.py")
    return next((name for name in candidates if (ROOT / name).is_file()), None)


def imports(path: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of whatever a file imports, within functions as well."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def source_files() -> list[str]:
    files = (str(path.relative_to(ROOT)) for path in (ROOT / "asr").rglob("*.py"))
    return sorted(set(files) - DOORS)


def test_every_file_has_a_room_and_every_room_is_there() -> None:
    homeless = [path for path in source_files() if not any(map(path.startswith, ORDER))]
    assert homeless == []
    assert [room for room in ORDER if not (ROOT / room).exists()] == []


def test_rooms_import_from_rooms_above() -> None:
    offences = [
        f"{path}:{line}: {ORDER[room_of(path)]} imports {name} of {ORDER[room_of(target)]}"
        for path in source_files()
        for line, name in imports(path)
        if (target := file_of(name)) and target not in DOORS and room_of(target) > room_of(path)
    ]
    assert offences == []


def test_k2_stays_in_its_room() -> None:
    users = {
        ORDER[room_of(path)]
        for path in source_files()
        if re.search(
            r"import_module\(\"k2\"|^\s*(import|from) k2\b", (ROOT / path).read_text(), re.M
        )
    }
    assert users == {"asr/k2/"}


def test_rooms_without_torch_load_without_it() -> None:
    files = [path for path in source_files() if path.startswith(tuple(WITHOUT_TORCH))]
    modules = [
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in files
    ]
    program = f"import sys, {', '.join(modules)}; print({{'torch', 'lhotse'}} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "set()\n", done.stdout + done.stderr


def test_what_holds_a_contract_is_there() -> None:
    named = [
        (contract, name)
        for contract, tests in table("Contracts, and where they are tested")
        for name in re.findall(r"`(tests/.+?)`", tests)
    ]
    assert named
    assert [pair for pair in named if not list(ROOT.glob(pair[1]))] == []
