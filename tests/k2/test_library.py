"""Whether k2 is there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asr.errors import UserError
from asr.k2.library import k2_status, load_k2


@pytest.fixture
def no_k2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder to look for modules in, before every other; k2 has not been imported."""
    for name in [name for name in sys.modules if name == "k2" or name.startswith("k2.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_k2_that_does_not_load_says_why(no_k2: Path) -> None:
    (no_k2 / "k2.py").write_text("raise ImportError('libtorch.so: undefined symbol\\nmore')\n")
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        load_k2("method 'k2-ctc'")
    told = str(caught.value)
    assert told.startswith("method 'k2-ctc' needs k2, which is installed but cannot be loaded")
    assert "undefined symbol" in told
    assert "more" not in told
    assert "tools/install_k2.sh" in told
    assert not k2_status().usable
    assert "undefined symbol" in k2_status().text


def test_a_folder_called_k2_is_not_k2(no_k2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (no_k2 / "k2").mkdir()
    monkeypatch.setattr(sys, "path", [str(no_k2)])
    with pytest.raises(UserError, match="not installed"):
        load_k2("this")
    assert k2_status().text == "missing: run tools/install_k2.sh"


def test_a_k2_tells_its_devices(no_k2: Path) -> None:
    (no_k2 / "k2.py").write_text("with_cuda = False\n")
    assert k2_status().usable
    assert "CPU only" in k2_status().text
