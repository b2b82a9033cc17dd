"""An export takes the place of an older one as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.deploy.exporting.placing import place_export
from asr.errors import UserError
from tests.disks import tmpfs


def folder_of(root: Path, **contents: bytes) -> Path:
    (root / "tokenizer").mkdir(parents=True)
    for name, content in contents.items():
        (root / name.replace("__", "/").replace("_", ".")).write_bytes(content)
    return root


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_full_disk_leaves_the_older_export(tmp_path: Path) -> None:
    old = folder_of(
        tmp_path / "old", export_json=b"1", model_onnx=b"m", tuned_json=b"t", tokens_txt=b"a 0"
    )
    new = folder_of(
        tmp_path / "new", export_json=b"2", ctc_pt2=b"c", model_pt2=b"n" * 200_000, tokens_txt=b"b"
    )
    with tmpfs(tmp_path / "disk", "100k") as disk:
        place_export(old, disk / "out")
        with pytest.raises(UserError, match="the disk is full"):
            place_export(new, disk / "out")
        assert contents(disk / "out") == contents(old)


def test_another_kind_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    place_export(folder_of(tmp_path / "a", export_json=b"1", model_onnx=b"m", tuned_json=b"t"), out)
    second = folder_of(tmp_path / "b", export_json=b"2", model_pt2=b"p", tokenizer__tokens_txt=b"x")
    place_export(second, out)
    assert contents(out) == contents(second)
