"""`export.json`: what an exported folder holds, how it was checked, and how to use it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from asr import __version__
from asr.config.export import ExportOptions
from asr.deploy.state_layout import StateLayout
from asr.errors import UserError
from asr.files import read_description, write_json
from asr.models.chunking import Chunking

MANIFEST_FILE = "export.json"
FORMAT_VERSION = 1
MODEL, CTC, DECODER = "model", "ctc", "decoder"  # the graphs
SUFFIXES = ONNX_SUFFIX, PROGRAM_SUFFIX = ".onnx", ".pt2"
ONNX_PACKAGES = ("onnx", "onnxruntime", "onnxscript")
_EXPORT_AGAIN = "Export the bundle again."


@dataclass(frozen=True)
class Manifest:
    """See the module.

    Attributes:
        options: what was asked for.
        graphs: the file of each graph, by the graph's name.
        chunking: what the graphs hide of an utterance; None for nothing.
        state: how a streaming graph's caches are laid out; None for an offline one.
        features: the parameters of the features that the graphs take, unnormalised.
        check: what the comparison with the bundle gave.
        sherpa_onnx: how to load it there; None where it cannot be.
        provenance: of the weights, as in the bundle.
        files: SHA-256 of every file, by its path.
    """

    options: dict[str, Any]
    graphs: dict[str, str]
    vocab_size: int
    encoding_size: int
    subsampling_factor: int
    num_parameters: int
    chunking: Chunking | None
    state: StateLayout | None
    features: dict[str, Any]
    check: dict[str, Any] = field(default_factory=dict)
    sherpa_onnx: dict[str, Any] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def format(self) -> str:
        """One of `asr.config.export.EXPORT_FORMATS`."""
        return str(self.options["format"])

    def __post_init__(self) -> None:
        """Find parts that contradict each other.

        Raises:
            ValueError: there are such.
        """
        streaming = self.format.endswith("-streaming")
        if not {MODEL, CTC} <= self.graphs.keys():
            raise ValueError(f"graphs needs '{MODEL}' and '{CTC}'")
        suffix = ONNX_SUFFIX if self.format.startswith("onnx") else PROGRAM_SUFFIX
        for name in (*self.graphs.values(), *self.files):
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ValueError(f"{name} is not a file of this folder")
        for name in self.graphs.values():
            if Path(name).name != name or Path(name).suffix != suffix:
                raise ValueError(f"{name} is not a graph of format {self.format}")
        if (self.state is not None) != streaming or (streaming and self.chunking is None):
            raise ValueError(f"chunking and state do not fit format {self.format}")
        if min(self.vocab_size, self.encoding_size, self.subsampling_factor) < 1:
            raise ValueError("sizes below 1")
        if self.state and self.chunking:
            encodings = (self.chunking.chunk_size, self.encoding_size)
            if self.state.encodings != encodings:
                raise ValueError(f"the state holds {self.state.encodings}, not {encodings}")


_MANIFEST = TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `export.json` over all files that the folder holds now."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [str(path.relative_to(folder)) for path in paths]
    files = {name: _digest(folder / name) for name in names if name != MANIFEST_FILE}
    whole = replace(manifest, files=files)
    value = {
        "format_version": FORMAT_VERSION,
        "toolkit_version": __version__,
        **asdict(whole),
    }
    write_json(folder / MANIFEST_FILE, value)


def read_manifest(folder: Path) -> Manifest:
    """Read what `write_manifest` wrote.

    Raises:
        UserError: it is missing, damaged or of a newer format.
    """
    path = folder / MANIFEST_FILE
    todo = "Make one: asr export --format onnx --bundle exp/<name>/bundle --output DIR."
    value = read_description(path, "exported model", FORMAT_VERSION, todo)
    try:
        fields = {name: value[name] for name in Manifest.__dataclass_fields__}
        options = ExportOptions.model_validate(fields["options"])
        return _MANIFEST.validate_python({**fields, "options": options.model_dump(mode="json")})
    except (KeyError, ValidationError) as error:
        what = f"is damaged ({_first_fault(error)})"
        raise UserError(what, where=str(path), todo=_EXPORT_AGAIN) from error


def _first_fault(error: KeyError | ValidationError) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    first = error.errors()[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))


def check_files(folder: Path, manifest: Manifest) -> None:
    """Find out whether the files are those that were exported.

    Raises:
        UserError: one is missing or was changed, or the manifest does not know a graph's.
    """
    if unknown := set(manifest.graphs.values()) - manifest.files.keys():
        what = f"is damaged (no checksum of {', '.join(sorted(unknown))})"
        raise UserError(what, where=str(folder / MANIFEST_FILE), todo=_EXPORT_AGAIN)
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise UserError("the file does not exist", where=str(path), todo=_EXPORT_AGAIN)
        if _digest(path) != digest:
            what = "is not as it was exported (its checksum differs)"
            raise UserError(what, where=str(path), todo=_EXPORT_AGAIN)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
