"""What is read from outside goes through few doors; every other reader is listed with its reason.

The doors turn what is missing, damaged or hostile into a line for the user, and run nothing of it:
`asr/files.py` (bytes, text, JSON), `asr/lines.py` (text line by line), `asr/archives.py`,
`asr/audio/` (sound), `asr/tensors.py` (weights), `asr/corpora/manifests/cut_rows.py` (lhotse's
cuts), `asr/deploy/exported/programs.py` (torch.export).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOORS = (
    "asr/files.py", "asr/lines.py", "asr/archives.py", "asr/audio/", "asr/tensors.py",
    "asr/corpora/manifests/cut_rows.py", "asr/deploy/exported/programs.py",
)  # fmt: skip
# Calls that read a file, or make something of what was read.
READER = re.compile(
    r"open|.*\.(read_text|read_bytes)|json\.loads?|yaml\.\w*load\w*|(pickle|marshal|dill)\.\w+"
    r"|(torch|onnx|torch\.export|torch\.jit|torch\.hub)\.load\w*|np\.(load|loadtxt|fromfile|memmap)"
    r"|soundfile\.(read|info|blocks|SoundFile)|(torchaudio|av|wave)\.(load|info|open)"
    r"|(tarfile|gzip|bz2|lzma|zipfile)\.(open|\w+File)|shutil\.unpack_archive"
    r"|onnxruntime\.InferenceSession|kaldifst\.\w+\.read|deserialize_item|CutSet\.from_\w*file\w*"
    r"|load_manifest\w*|eval|exec|.*\.(open|raw_decode)"
)
OURS = "written by this toolkit a moment before, in its own folder"
HASH = "bytes for a checksum"
PACKAGE = "a file of this package"
WRITES = "opened to write"
LISTED = {
    ("asr/client/client.py", "file.open"): "sent to the server as it is",
    ("asr/config/bases.py", "Path(path).read_text"): "the door of conf files, a SafeLoader",
    ("asr/config/bases.py", "yaml.load"): "the door of conf files, a SafeLoader",
    ("asr/signal/augmentation/channel.py", "soundfile.read"): "a coded copy of samples, in memory",
    ("asr/signal/features/cache.py", "np.fromfile"): "raw numbers of a cache, of a checked size",
    ("asr/signal/features/cache.py", "open"): "the counter of a cache",
    ("asr/corpora/extraction.py", "open"): "bytes of lines, parsed by cut_rows",
    ("asr/corpora/extraction.py", "plan.job.manifest(part).read_text"): OURS,
    ("asr/signal/features/storage.py", "np.fromfile"): "raw numbers, of a checked size",
    ("asr/corpora/formats/json_stream.py", "open"): "JSON too large for memory, value by value",
    ("asr/corpora/formats/json_stream.py", "self._decoder.raw_decode"): "a value of a large file",
    ("asr/corpora/formats/textgrid.py", "Path(path).read_bytes"): "decoded and parsed there",
    ("asr/corpora/layouts/lhotse_cuts.py", "deserialize_item"): "for times and text alone",
    ("asr/feeding/shards/building.py", "gzip.GzipFile"): WRITES,
    ("asr/feeding/shards/building.py", "path.open"): OURS,
    ("asr/feeding/shards/building.py", "tarfile.open"): f"{OURS}; nothing is extracted",
    ("asr/feeding/shards/job.py", "open"): "bytes of lines, parsed by cut_rows",
    ("asr/feeding/shards/manifest.py", "path.open"): HASH,
    ("asr/feeding/shards/planning.py", "open"): "bytes of lines, parsed by cut_rows",
    ("asr/feeding/shards/reading.py", "gzip.open"): "lines of a shard, parsed by cut_rows",
    ("asr/feeding/shards/reading.py", "np.load"): "a matrix; NumPy refuses pickles",
    ("asr/feeding/shards/reading.py", "open"): "the bytes of an utterance within a tar file",
    ("asr/corpora/tables/rows.py", "open"): f"a table, {OURS}",
    ("asr/corpora/validation/audio_cache.py", "open"): "the journal of a killed run, line by line",
    ("asr/decoding/searches/k2_lattices.py", "path.read_bytes"): "a graph, checked by Arcs",
    ("asr/deploy/exported/runners.py", "onnxruntime.InferenceSession"): "the door of ONNX",
    ("asr/deploy/exported/runners.py", "path.read_bytes"): "the door of ONNX",
    ("asr/deploy/exporting/placing.py", "(folder / name).open"): OURS,
    ("asr/deploy/exporting/tracing.py", "onnx.load"): OURS,
    ("asr/deploy/manifest.py", "path.open"): HASH,
    ("asr/deploy/packing.py", "packed.open"): OURS,
    ("asr/deploy/packing.py", "tarfile.open"): WRITES,
    ("asr/evaluation/run.py", "cuts.read_bytes"): HASH,
    ("asr/evaluation/run.py", "fingerprints.read_bytes"): HASH,
    ("asr/graphs/arcs.py", "kaldifst.StdConstFst.read"): OURS,
    ("asr/graphs/arcs.py", "np.memmap"): "raw numbers of a graph, sizes and arcs checked there",
    ("asr/graphs/arcs.py", "open"): "the head of a graph",
    ("asr/graphs/arcs.py", "path.read_bytes"): OURS,
    ("asr/graphs/folder.py", "(folder / WORDS_FILE).read_text"): "words, counted against the graph",
    ("asr/graphs/folder.py", "open"): HASH,
    ("asr/graphs/grammar.py", "kaldifst.StdVectorFst.read"): OURS,
    ("asr/lm/corpus.py", "np.load"): f"{OURS}; NumPy refuses pickles",
    ("asr/lm/kenlm_estimator.py", "text.open"): WRITES,
    ("asr/ngrams/arpa.py", "gzip.GzipFile"): WRITES,
    ("asr/pages/markup.py", "folder.joinpath('sort.js').read_text"): PACKAGE,
    ("asr/pages/markup.py", "folder.joinpath('style.css').read_text"): PACKAGE,
    ("asr/serving/access/keys.py", "path.read_text"): "the server's own keys, refused where open",
    ("asr/serving/app.py", "(PAGE / 'index.html').read_text"): PACKAGE,
    ("asr/serving/files/pool.py", "json.loads"): "of a process of its own",
    ("asr/serving/files/uploads.py", "path.open"): WRITES,
    ("asr/text/hotwords.py", "Path(path).read_text"): "text, one phrase a line",
    ("asr/text/tokenizers/__init__.py", "path.read_text"): "tokens, each line checked",
    ("asr/text/tokenizers/bpe.py", "path.read_bytes"): "a model, of a checked checksum",
    ("asr/training/metrics.py", "self.path.open"): WRITES,
    ("asr/training/tensorboard.py", "self.path.open"): WRITES,
    ("asr/tuning/run.py", "(request.directory / 'average.json').read_text"): HASH,
}  # fmt: skip
# Methods called `open` of this code's own.
OWN = re.compile(r"(AudioFile|MappedGraph|self\.engine|engine|os)\.open")


def readers() -> Iterator[tuple[str, str, int]]:
    """Yield file, call and line of every reader outside the doors."""
    for path in sorted((ROOT / "asr").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name.startswith(DOORS):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if READER.fullmatch(called) and not OWN.fullmatch(called):
                    yield name, called, node.lineno


def test_every_reader_is_a_door_or_is_listed() -> None:
    strangers = [f"{p}:{n}: {call}" for p, call, n in readers() if (p, call) not in LISTED]
    assert not strangers, f"read it through one of {', '.join(DOORS)}: {strangers}"


def test_nothing_is_listed_that_is_gone() -> None:
    found = {(path, call) for path, call, _ in readers()}
    assert [entry for entry in LISTED if entry not in found] == []


def test_nothing_unpickles() -> None:
    """Neither here nor behind a door: torch's and NumPy's readers are told to refuse pickles."""
    for path in sorted((ROOT / "asr").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called, where = ast.unparse(node.func), f"{path}:{node.lineno}"
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert not re.fullmatch(r"(pickle|dill|marshal)\.loads?|eval|exec", called), where
            assert given.get("allow_pickle", "False") == "False", where
            if called == "torch.load":
                assert given.get("weights_only") == "True", where
