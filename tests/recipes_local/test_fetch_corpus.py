"""utils/fetch_corpus.sh against a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.patience import PATIENCE

SCRIPT = Path(__file__).parents[2] / "utils" / "fetch_corpus.sh"
CONTENT = {  # of the two archives, which share a folder as the parts of LibriSpeech do
    "first": {
        "Corpus/README.txt": b"one",
        "Corpus/first/a.wav": None,
        "Corpus/first/.hidden": b".",
    },
    "second": {"Corpus/README.txt": b"two", "Corpus/second/b.wav": None},
}


@dataclass
class Server:
    """Files by name; what was asked for; and how it misbehaves.

    Attributes:
        cut_after: bytes after which the next answer breaks off; None for whole answers.
        has_ranges: whether it can continue a download.
        requests: path and Range header of each request.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: int | None = None
    has_ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)


class Handler(http.server.BaseHTTPRequestHandler):
    server_state: Server

    def do_GET(self) -> None:
        state, asked = self.server_state, self.headers.get("Range")
        state.requests.append((self.path, asked))
        content = state.files.get(self.path.lstrip("/").partition("?")[0])
        if content is None:
            self.send_error(404)
            return
        start = 0
        if asked and state.has_ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = len(content) if state.cut_after is None else start + state.cut_after
        state.cut_after = None
        self.wfile.write(content[start:stop])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the archives by name; the audio is noise, which does not compress."""
    folder = tmp_path_factory.mktemp("archives")
    noise = np.random.default_rng(0).bytes(200_000)
    for name, files in CONTENT.items():
        for path, content in files.items():
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(noise if content is None else content)
        for suffix, mode in ((".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar", "w")):
            with tarfile.open(folder / f"{name}{suffix}", mode) as archive:
                archive.add(folder / name / "Corpus", "Corpus")
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as zipped:
            for path in files:
                zipped.write(folder / name / path, path)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def server(archives: dict[str, bytes]) -> Iterator[Server]:
    state = Server("", dict(archives))
    handler = type("WithState", (Handler,), {"server_state": state})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=partial(running.serve_forever, 0.01), daemon=True).start()
        state.url = f"http://127.0.0.1:{running.server_port}"
        yield state
        running.shutdown()


@pytest.fixture(params=["curl", "wget"])
def tool(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of programs that has one of the two downloaders only."""
    if not shutil.which(request.param):
        pytest.skip(f"needs {request.param}")
    folder = tmp_path_factory.mktemp(request.param)
    needed = [
        "bash",
        "ls",
        "md5sum",
        "mkdir",
        "mv",
        "rm",
        "rmdir",
        "sha256sum",
        "tar",
        "gzip",
        "unzip",
    ]
    for program in [*needed, request.param]:
        found = shutil.which(program)
        if found:
            (folder / program).symlink_to(found)
    return folder


def fetch(
    url: str, checksum: str, target: Path, programs: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    if programs is not None:
        environment["PATH"] = str(programs)
    command = ["bash", str(SCRIPT), url, checksum, str(target)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=PATIENCE
    )


def visible(folder: Path) -> set[str]:
    """Return the files under `folder`, those of the script's own hidden folders left out."""
    files = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return {name for name in files if not name.startswith((".fetched", ".archives"))}


def fails(result: subprocess.CompletedProcess[str], expected: str, code: int = 1) -> None:
    assert result.returncode == code, result.stderr
    assert expected in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("suffix", [".tar.gz", ".tgz", ".tar", ".zip"])
def test_unpacks_every_kind(server: Server, tmp_path: Path, suffix: str) -> None:
    if suffix == ".zip" and not shutil.which("unzip"):
        pytest.skip("needs unzip")
    target = tmp_path / "new" / "with a space"
    result = fetch(f"{server.url}/first{suffix}", "none", target)
    assert result.returncode == 0, result.stderr
    assert visible(target) == set(CONTENT["first"])
    assert not (target / ".archives").exists()


def test_second_call_fetches_nothing(server: Server, tmp_path: Path) -> None:
    url = f"{server.url}/first.tar.gz?download=1"
    assert fetch(url, "none", tmp_path).returncode == 0
    (tmp_path / "Corpus" / "first" / "added.txt").write_text("by the user")
    again = fetch(url, "none", tmp_path)
    assert again.returncode == 0 and "already" in again.stdout
    assert len(server.requests) == 1
    assert (tmp_path / "Corpus" / "first" / "added.txt").exists()


def test_what_was_removed_is_fetched_again(server: Server, tmp_path: Path) -> None:
    fetch(f"{server.url}/first.tar.gz", "none", tmp_path)
    shutil.rmtree(tmp_path / "Corpus")
    assert fetch(f"{server.url}/first.tar.gz", "none", tmp_path).returncode == 0
    assert visible(tmp_path) == set(CONTENT["first"])


def test_archives_of_one_folder_are_merged(server: Server, tmp_path: Path) -> None:
    for name in CONTENT:
        assert fetch(f"{server.url}/{name}.tar.gz", "none", tmp_path).returncode == 0
    assert visible(tmp_path) == set(CONTENT["first"]) | set(CONTENT["second"])
    assert (tmp_path / "Corpus" / "README.txt").read_bytes() == b"two"


def test_goes_on_after_a_cut_connection(server: Server, tmp_path: Path, tool: Path) -> None:
    server.cut_after = 150_000
    first = fetch(f"{server.url}/first.tar.gz", "none", tmp_path, tool)
    if first.returncode != 0:  # curl gives up, wget tries again by itself
        fails(first, "goes on with what it got")
        assert not visible(tmp_path)
        again = fetch(f"{server.url}/first.tar.gz", "none", tmp_path, tool)
        assert again.returncode == 0, again.stderr
    assert visible(tmp_path) == set(CONTENT["first"])
    assert [asked for _, asked in server.requests] == [None, "bytes=150000-"]


def test_starts_afresh_where_the_server_cannot_continue(
    server: Server, tmp_path: Path, tool: Path
) -> None:
    server.has_ranges = False
    part = tmp_path / ".archives" / "first.tar.gz.part"
    part.parent.mkdir()
    part.write_bytes(server.files["first.tar.gz"][:100_000])
    result = fetch(f"{server.url}/first.tar.gz", "none", tmp_path, tool)
    assert result.returncode == 0, result.stderr
    assert visible(tmp_path) == set(CONTENT["first"])


def test_goes_on_after_a_kill_between_download_and_renaming(
    server: Server, tmp_path: Path, tool: Path
) -> None:
    part = tmp_path / ".archives" / "first.tar.gz.part"
    part.parent.mkdir()
    part.write_bytes(server.files["first.tar.gz"])
    result = fetch(f"{server.url}/first.tar.gz", "none", tmp_path, tool)
    assert result.returncode == 0, result.stderr
    assert visible(tmp_path) == set(CONTENT["first"])


def test_goes_on_after_a_kill_while_unpacking(server: Server, tmp_path: Path) -> None:
    archive = tmp_path / ".archives" / "first.tar.gz"
    (tmp_path / ".archives" / "first.tar.gz.unpacked" / "Half").mkdir(parents=True)
    archive.write_bytes(server.files["first.tar.gz"])
    assert fetch(f"{server.url}/first.tar.gz", "none", tmp_path).returncode == 0
    assert not server.requests
    assert visible(tmp_path) == set(CONTENT["first"]) and not (tmp_path / "Half").exists()


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_checksum(server: Server, tmp_path: Path, kind: str) -> None:
    url, content = f"{server.url}/first.tar.gz", server.files["first.tar.gz"]
    wrong = fetch(url, f"{kind}:{hashlib.new(kind, b'other').hexdigest()}", tmp_path)
    fails(wrong, "is not what its source publishes")
    assert not visible(tmp_path)
    right = fetch(url, f"{kind}:{hashlib.new(kind, content).hexdigest()}", tmp_path)
    assert right.returncode == 0, right.stderr
    assert len(server.requests) == 2  # what was wrong is not kept
    assert visible(tmp_path) == set(CONTENT["first"])


def test_damaged_archive_leaves_no_corpus(server: Server, tmp_path: Path) -> None:
    whole = server.files["first.tar.gz"]
    server.files["first.tar.gz"] = whole[: len(whole) // 2]
    fails(fetch(f"{server.url}/first.tar.gz", "none", tmp_path), "cannot be unpacked")
    assert not visible(tmp_path)
    server.files["first.tar.gz"] = whole
    assert fetch(f"{server.url}/first.tar.gz", "none", tmp_path).returncode == 0
    assert visible(tmp_path) == set(CONTENT["first"])


def test_kept_archive_is_used_again(server: Server, tmp_path: Path) -> None:
    url = f"{server.url}/first.tar.gz"
    assert fetch(url, "none", tmp_path, KEEP_ARCHIVES="1").returncode == 0
    assert (tmp_path / ".archives" / "first.tar.gz").exists()
    shutil.rmtree(tmp_path / "Corpus")
    assert fetch(url, "none", tmp_path).returncode == 0
    assert len(server.requests) == 1


def test_missing_on_the_server(server: Server, tmp_path: Path, tool: Path) -> None:
    fails(fetch(f"{server.url}/other.tar.gz", "none", tmp_path, tool), "cannot fetch")
    assert not visible(tmp_path)


def test_mistakes_of_the_caller_fetch_nothing(server: Server, tmp_path: Path) -> None:
    fails(fetch(f"{server.url}/first.tar.gz", "crc:1", tmp_path), "a checksum is", 2)
    fails(fetch(f"{server.url}/first.rar", "none", tmp_path), "is no archive", 2)
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "below"
    fails(fetch(f"{server.url}/first.tar.gz", "none", below), "cannot make the folder", 2)
    assert not server.requests


@pytest.mark.parametrize(
    ("recipe", "folder", "num_wavs", "expected"),
    [
        ("yesno", "waves_yesno", 60, 0),
        ("fsdd", "free-spoken-digit-dataset-master/recordings", 3000, 0),
        ("fsdd", "free-spoken-digit-dataset-master/recordings", 2999, 1),
    ],
)
def test_download_scripts_leave_what_their_recipe_reads(
    tmp_path: Path, recipe: str, folder: str, num_wavs: int, expected: int
) -> None:
    """`curl` is a script here which gives the archive that the recipe's source would give."""
    corpus = tmp_path / "corpus"
    (corpus / folder).mkdir(parents=True)
    for number in range(num_wavs):
        (corpus / folder / f"{number}.wav").touch()
    with tarfile.open(tmp_path / "corpus.tar.gz", "w:gz") as archive:
        archive.add(corpus, ".")
    curl = tmp_path / "bin" / "curl"
    curl.parent.mkdir()
    curl.write_text(
        '#!/bin/bash\nwhile [ "$1" != --output ]; do shift; done\n'
        f"cp '{tmp_path}/corpus.tar.gz' \"$2\"\n"
    )
    curl.chmod(0o755)
    script = SCRIPT.parents[1] / "egs" / recipe / "local" / "download.sh"
    environment = {**os.environ, "PATH": f"{curl.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", str(script), str(tmp_path / "new")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == expected, done.stderr
    assert len(list((tmp_path / "new" / folder).glob("*.wav"))) == num_wavs
    if expected:
        assert "holds 2999 recordings, not the corpus' 3000" in done.stderr
