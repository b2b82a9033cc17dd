"""`make bench` runs every benchmark."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_make_bench_runs_every_benchmark() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.split("\nbench: setup\n")[1].split("\n\n")[0]
    programs = [
        path.name
        for path in (ROOT / "benchmarks").glob("*.py")
        if "__main__" in path.read_text(encoding="utf-8")
    ]
    assert programs
    assert [name for name in programs if f"benchmarks/{name}\n" not in f"{recipe}\n"] == []
