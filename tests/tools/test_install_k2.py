"""tools/install_k2.sh against a page of the layout of k2's own, without a network."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "install_k2.sh"
STORE = "https://example.org/k2/resolve/main/cpu"
LINUX = "manylinux_2_27_x86_64.manylinux_2_28_x86_64"


def wheel(version: str, build: str, torch: str, tag: str = "cp311", platform: str = LINUX) -> str:
    return f"k2-1.24.4.dev{version}+{build}.torch{torch}-{tag}-{tag}-{platform}.whl"


WHEELS = [
    wheel("20250807", "cpu", "2.8.0"),
    wheel("20240101", "cpu", "2.8.0"),
    wheel("20250807", "cpu", "2.8.0", tag="cp312"),
    wheel("20260101", "cpu", "2.8.0", platform="macosx_11_0_arm64"),
    wheel("20260101", "cpu", "2.8.0", platform="manylinux_2_27_aarch64.manylinux_2_28_aarch64"),
    wheel("20260101", "cpu", "2.8.1"),
    wheel("20250801", "cuda12.8", "2.8.0"),
    wheel("20250802", "cuda12.6", "2.8.0"),
    wheel("20260626", "rocm7.2", "2.12.1"),
    wheel("20260601", "cuda13.0", "2.11.0"),
    wheel("20260601", "cuda12.8", "2.11.0"),
    wheel("20260602", "cuda13.0", "2.12.0"),
    *(wheel("20240601", "cuda12.1", f"2.{minor}.0") for minor in range(1, 8)),
]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    links = "\n".join(
        f'<a href="{STORE}/{name.replace("+", "%2B")}">{name}</a><br/>' for name in WHEELS
    )
    path = tmp_path / "cpu.html"
    path.write_text(f"<html><body>\n{links}\n</body></html>\n")
    return path


class FakePython:
    """A program that answers as Python with a certain torch does, and writes down what pip gets."""

    def __init__(self, folder: Path, described: str, pip_works: bool = True) -> None:
        self.path, self.log = folder / "python", folder / "pip.log"
        answer = f"echo '{described}'" if described else "exit 1"
        self.path.write_text(
            "#!/bin/bash\n"
            "case $1:$2 in\n"
            f"  -m:pip) echo \"$*\" >> '{self.log}'; exit {0 if pip_works else 1} ;;\n"
            "  -c:*import\\ k2*) exit 0 ;;\n"
            f"  -c:*) {answer} ;;\n"
            "esac\n"
        )
        self.path.chmod(0o755)

    def install(self, *args: object) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(SCRIPT), "--python", str(self.path), *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))


def found(tmp_path: Path, page: Path, described: str) -> str:
    done = FakePython(tmp_path, described).install("--page", page, "--dry-run")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().rpartition("/")[2].replace("%2B", "+")


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ("2.8.0 cpu cp311 linux x86_64", WHEELS[0]),
        ("2.8.0 cpu cp312 linux x86_64", WHEELS[2]),
        ("2.8.0 cpu cp311 macosx arm64", WHEELS[3]),
        ("2.8.0 cpu cp311 linux aarch64", WHEELS[4]),
        ("2.8.1 cpu cp311 linux x86_64", WHEELS[5]),
        ("2.8.0 cuda12.8 cp311 linux x86_64", WHEELS[6]),
        ("2.12.1 rocm7.2 cp311 linux x86_64", WHEELS[8]),
    ],
)
def test_it_picks_the_newest_wheel_that_fits(
    tmp_path: Path, page: Path, described: str, expected: str
) -> None:
    assert found(tmp_path, page, described) == expected


def test_it_installs_with_pip_and_leaves_torch_alone(tmp_path: Path, page: Path) -> None:
    python = FakePython(tmp_path, "2.8.0 cpu cp311 linux x86_64")
    done = python.install("--page", page)
    assert done.returncode == 0, done.stderr
    address = f"{STORE}/{WHEELS[0].replace('+', '%2B')}"
    assert python.log.read_text() == f"-m pip install --no-deps {address}\n"
    assert "asr doctor" in done.stdout


def test_addresses_relative_to_the_page_are_understood(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(f'<a href="./{WHEELS[0]}">a wheel</a>')
    python = FakePython(tmp_path, "2.8.0 cpu cp311 linux x86_64")
    done = python.install("--page", tmp_path / "page.html", "--dry-run")
    assert done.stdout.strip() == str(tmp_path / WHEELS[0])


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    return line


def test_without_a_wheel_the_newest_torch_versions_that_have_one_are_named(
    tmp_path: Path, page: Path
) -> None:
    line = complaint(FakePython(tmp_path, "2.11.0 cpu cp311 linux x86_64").install("--page", page))
    assert "no wheel of k2 for torch 2.11.0 (cpu) with cp311 on linux x86_64" in line
    assert "torch 2.8.1 (cpu), 2.8.0 (cpu). Install one" in line
    assert "cuda" not in line
    described = "2.14.1 cuda13.0 cp311 linux x86_64"
    line = complaint(FakePython(tmp_path, described).install("--page", page))
    newest = "2.12.0 (cuda13.0), 2.11.0 (cuda13.0), 2.11.0 (cuda12.8), 2.8.0 (cuda12.8)"
    assert f"torch {newest}, 2.8.0 (cuda12.6). Install one" in line
    assert "--device cpu" in line
    line = complaint(FakePython(tmp_path, "2.8.0 cpu cp313 linux x86_64").install("--page", page))
    assert "x86_64. Build k2 from source" in line


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="wheels of another machine"
)
@pytest.mark.parametrize(
    ("cuda", "hip", "device", "expected"),
    [
        ("12.8", None, "auto", WHEELS[6]),  # no GPU in sight here: the wheel follows torch's build
        ("12.8", None, "cpu", WHEELS[0]),
        (None, "7.2.26015-fc0010cf6a", "auto", None),  # never a wheel for the CPU
        (None, "7.2.26015-fc0010cf6a", "cpu", WHEELS[0]),
        (None, None, "auto", WHEELS[0]),
    ],
)
def test_the_wheel_follows_what_torch_was_built_for(
    tmp_path: Path, page: Path, cuda: str | None, hip: str | None, device: str, expected: str | None
) -> None:
    (tmp_path / "torch.py").write_text(
        "class version:\n"
        f"    cuda, hip = {cuda!r}, {hip!r}\n"
        "class cuda:\n"
        "    is_available = staticmethod(lambda: False)\n"
        "__version__ = '2.8.0+any'\n"
    )
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    page.write_text(page.read_text().replace("cp311", tag))
    command = ["bash", str(SCRIPT), "--python", sys.executable, "--page", str(page), "--dry-run"]
    done = subprocess.run(
        [*command, "--device", device],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    if expected is None:
        assert "torch 2.8.0 (rocm7.2)" in complaint(done)
        assert "2.12.1 (rocm7.2). Install" in complaint(done)
    else:
        found = done.stdout.strip().rpartition("/")[2].replace("%2B", "+")
        assert found == expected.replace("cp311", tag)


def test_every_mistake_is_one_line(tmp_path: Path, page: Path) -> None:
    python = FakePython(tmp_path, "2.8.0 cpu cp311 linux x86_64")
    none = complaint(python.install("--page", tmp_path / "none.html"))
    assert "none.html: cannot be read: there is no such file" in none
    nowhere = ["--python", sys.executable, "--page", "http://127.0.0.1:9/cpu.html"]
    refused = subprocess.run(["bash", str(SCRIPT), *nowhere], capture_output=True, text=True)
    assert "cpu.html: cannot be read: <urlopen error" in complaint(refused)
    empty = tmp_path / "empty.html"
    empty.write_text("<html></html>")
    assert "links to no wheels" in complaint(python.install("--page", empty))
    assert "is none of auto, cpu, cuda, rocm" in complaint(python.install("--device", "gpu"))
    assert "was built for cpu, not for cuda" in complaint(
        python.install("--page", page, "--device", "cuda")
    )
    without_torch = FakePython(tmp_path, "")
    assert "has no torch" in complaint(without_torch.install("--page", page))
    broken_pip = FakePython(tmp_path, "2.8.0 cpu cp311 linux x86_64", pip_works=False)
    assert "pip could not install" in complaint(broken_pip.install("--page", page))
    assert "no program 'nopython'" in complaint(python.install("--python", "nopython"))
