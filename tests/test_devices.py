"""Devices that torch has a name for and this machine has not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asr.bundle import load_bundle
from asr.devices import pick_device
from asr.errors import UserError
from tests.cli.mistakes import told_mistake

# `meta` computes nowhere; the others are kinds of hardware, some of which torch has given up.
NAMES = (
    "mps",
    "xpu",
    "meta",
    "meta:0",
    "hpu",
    "xla",
    "vulkan",
    "mkldnn",
    "mtia:1",
    "privateuseone",
)


def skip_if_here(name: str) -> None:
    here = torch.accelerator.current_accelerator()
    if here is not None and here.type == torch.device(name).type:
        pytest.skip(f"this machine has {name}")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_a_device_that_is_not_here_is_one_line(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    skip_if_here(name)
    (tmp_path / "a.wav").touch()
    align = ("align", "--bundle", tmp_path, "--cuts", tmp_path / "a", "--output-dir", tmp_path)
    line = told_mistake([*align, "--device", name], tmp_path, capfd)
    assert f"--device: '{name}' is a device that torch knows and this machine" in line


def test_python_is_told_so_too(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--device: 'meta'"):
        load_bundle(tmp_path, "meta")


def test_the_cpu_is_here() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda")
