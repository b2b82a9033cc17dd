"""utils/fetch_archive.sh against a server on this machine."""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asr.data.wav import write_wav

SCRIPT = Path(__file__).parents[2] / "utils" / "fetch_archive.sh"
pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") or shutil.which("wget")), reason="needs curl or wget"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve corpus.tar.gz, which holds corpus-1.0/waves with 3 wavs, and a damaged copy of it."""
    folder = tmp_path_factory.mktemp("server")
    for number in range(3):
        write_wav(folder / "corpus-1.0" / "waves" / f"{number}.wav", np.zeros(2000), 8000)
    with tarfile.open(folder / "corpus.tar.gz", "w:gz") as archive:
        archive.add(folder / "corpus-1.0", "corpus-1.0")
    content = (folder / "corpus.tar.gz").read_bytes()
    (folder / "damaged.tar.gz").write_bytes(content[: len(content) // 2])

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def fetch(url: str, target: Path, num_wavs: int = 3) -> subprocess.CompletedProcess[str]:
    command = ["bash", SCRIPT, url, "corpus-1.0/waves", str(num_wavs), target]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_fetches_once(server: str, tmp_path: Path) -> None:
    result = fetch(f"{server}/corpus.tar.gz", tmp_path / "new")
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["waves"]
    assert len(list((tmp_path / "new" / "waves").glob("*.wav"))) == 3
    again = fetch("http://127.0.0.1:9/unreachable.tar.gz", tmp_path / "new")
    assert again.returncode == 0 and "is there already" in again.stdout


def test_goes_on_after_an_interrupted_download(server: str, tmp_path: Path) -> None:
    (tmp_path / "waves.tar.gz.part").write_bytes(b"\x1f\x8b\x08")  # this server cannot continue it
    result = fetch(f"{server}/corpus.tar.gz", tmp_path)
    assert result.returncode == 0, result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["waves"]


@pytest.mark.parametrize(
    ("name", "num_wavs", "expected"),
    [
        ("missing.tar.gz", 3, "cannot fetch"),
        ("damaged.tar.gz", 3, "damaged archive"),
        ("corpus.tar.gz", 4, "holds 3 wav files in corpus-1.0/waves, not 4"),
    ],
)
def test_failure_leaves_no_corpus(
    server: str, tmp_path: Path, name: str, num_wavs: int, expected: str
) -> None:
    result = fetch(f"{server}/{name}", tmp_path, num_wavs)
    assert result.returncode == 1
    assert expected in result.stderr.splitlines()[-1]
    assert not (tmp_path / "waves").exists()
    assert not list(tmp_path.glob(".unpack*"))
