"""`torch.export` programs of ours hold no pickle, and of anybody's none is run.

The code that stands in the programs here makes an empty file, by which a test sees that it was run.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from asr.config.export import ExportOptions
from asr.config.loading import load_config
from asr.deploy.exported.runners import open_graph
from asr.deploy.exporting.graphs import ctc_graph
from asr.deploy.exporting.tracing import write_graph
from asr.deploy.manifest import Manifest
from asr.errors import UserError
from asr.models import AsrModel
from tests.tone_corpus import ToneCorpus


class Touches:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mknod, (self.path,)


def pickled(path: str) -> bytes:
    buffer = io.BytesIO()
    torch.save((Touches(path),), buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def program(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CTC head of a model of random weights."""
    torch.manual_seed(0)
    model = AsrModel(load_config(tone_corpus.conf), 14).eval()
    folder = tmp_path_factory.mktemp("exported")
    return write_graph(ctc_graph(model), folder, ExportOptions(format="torch"))


Edit = Callable[[dict[str, bytes], str], object]
MODEL = "models/model.json"


def within(parts: dict[str, bytes], part: str, change: Callable[[Any], object]) -> None:
    """Change the plain data that a part holds."""
    name = next(name for name in parts if name.endswith(part))
    data = json.loads(parts[name])
    change(data)
    parts[name] = json.dumps(data).encode()


def set_all(key: str, value: object) -> Callable[[Any], None]:
    """Return what sets every entry of a name."""

    def change(data: Any) -> None:
        for inner in data.values() if isinstance(data, dict) else data:
            if isinstance(inner, dict | list):
                change(inner)
        if isinstance(data, dict) and key in data:
            data[key] = value

    return change


def add(parts: dict[str, bytes], part: str, content: bytes) -> None:
    """Add a part, or replace it."""
    top = next(iter(parts)).partition("/")[0]
    parts[f"{top}/{part}"] = content


EDITS: list[tuple[Edit, str]] = [
    (lambda p, m: add(p, "data/sample_inputs/model.pt", pickled(m)), "it holds pickled inputs"),
    (
        lambda p, m: add(p, "data/constants/custom_obj_0", pickled(m)),
        "it holds data/constants/cust",
    ),
    (lambda p, _: add(p, "data/aotinductor/model/a.so", b"x"), "it holds data/aotinductor"),
    (lambda p, _: within(p, "weights_config.json", set_all("use_pickle", True)), "pickled tensors"),
    (
        lambda p, m: within(p, MODEL, set_all("expr_str", f"__import__('os').mknod('{m}')")),
        "it computes __import__",
    ),
    (lambda p, _: within(p, MODEL, set_all("target", "torch.hub.load")), "it calls torch.hub.load"),
    (lambda p, _: within(p, MODEL, set_all("target", "_operator.methodcaller")), "it calls _oper"),
    (lambda p, _: within(p, MODEL, set_all("name", "x, y=print(1)")), "is called x, y=print"),
    (lambda p, _: within(p, MODEL, set_all("guards_code", ["print(1)"])), "it holds code"),
    (lambda p, _: within(p, MODEL, set_all("metadata", {"source_fn_stack": "x"})), "metadata of"),
    (lambda p, _: within(p, MODEL, lambda d: d.update(more=1)), "parts that are not known"),
]


@pytest.mark.parametrize(("edit", "expected"), EDITS)
def test_what_torch_would_run_is_refused(
    program: Path, tmp_path: Path, edit: Edit, expected: str
) -> None:
    with zipfile.ZipFile(program) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    marker = tmp_path / "marker"
    edit(parts, str(marker))
    changed = tmp_path / "ctc.pt2"
    with zipfile.ZipFile(changed, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(UserError, match=expected):
        open_graph(changed)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_program_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ctc.pt2").write_bytes(content)
    with pytest.raises(UserError, match="is no program of asr export"):
        open_graph(tmp_path / "ctc.pt2")


def test_our_programs_hold_no_pickle(program: Path) -> None:
    with zipfile.ZipFile(program) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            # torch.save writes a zip file, pickle its protocol's number
            assert not content.startswith((b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04")), name
    encodings = torch.randn(2, 7, 32)
    assert open_graph(program)(encodings)[0].shape[:2] == (2, 7)


@pytest.mark.parametrize(
    ("format", "graphs"),
    [
        ("onnx", {"model": "model.onnx", "ctc": "ctc.pt2"}),
        ("torch", {"model": "model.onnx", "ctc": "ctc.pt2"}),
        ("onnx", {"model": "../model.onnx", "ctc": "ctc.onnx"}),
        ("onnx", {"model": "/tmp/model.onnx", "ctc": "ctc.onnx"}),
    ],
)
def test_a_folder_names_graphs_of_its_own_kind_within_it(
    format: str, graphs: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"is not a (graph of format|file of this folder)"):
        Manifest(
            options={"format": format, "int8": False},
            graphs=graphs,
            vocab_size=14,
            encoding_size=64,
            subsampling_factor=4,
            num_parameters=1,
            chunking=None,
            state=None,
            features={},
        )
