"""A bundle as one file, with a recording that proves it works."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from asr.data.audio.wav import write_wav
from asr.data.manifests.cuts import load_cuts
from asr.decoding.recognizer import Recognizer
from asr.errors import UserError
from asr.files import atomic_writer, disk_errors, read_json, write_json

TEST_AUDIO = "test.wav"
TEST_FILE = "test.json"
MAX_TEST_SECONDS = 20.0


@dataclass(frozen=True)
class PackedBundle:
    """The file, and what was recognised in its test recording."""

    path: Path
    text: str


def pack_bundle(bundle: Path, cuts: Path, output: Path) -> PackedBundle:
    """Write a bundle as a `.tar.gz` together with a test recording and its transcription.

    The archive is unpacked again elsewhere, loaded, and must give the same tokens for its test
    recording; only then does it get its name.

    Args:
        cuts: the test recording is the first of these, by id, that is at most 20 s long.

    Raises:
        UserError: the bundle or the cuts are missing, no cut is short enough, or the unpacked
            bundle decodes differently.
    """
    recognizer = Recognizer.load(bundle)
    short = [cut for cut in load_cuts(cuts) if cut.duration <= MAX_TEST_SECONDS]
    if not short:
        raise UserError(f"no cut of at most {MAX_TEST_SECONDS:.0f} s", where=str(cuts))
    cut = min(short, key=lambda cut: cut.id)
    with disk_errors(tempfile.gettempdir()), tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "packed" / "bundle"
        shutil.copytree(bundle, folder)
        rate = recognizer.bundle.config.features_params.sampling_rate
        write_wav(folder / TEST_AUDIO, cut.load_audio()[0], rate)
        hypothesis = recognizer.transcribe(folder / TEST_AUDIO)
        write_json(
            folder / TEST_FILE,
            {"method": recognizer.method, "tokens": hypothesis.tokens, "text": hypothesis.text},
        )
        packed = Path(scratch) / "bundle.tar.gz"
        with tarfile.open(packed, "w:gz") as archive:
            archive.add(folder, arcname="bundle")
        unpacked = Path(scratch) / "unpacked"
        with tarfile.open(packed) as archive:
            archive.extractall(unpacked, filter="data")
        check_bundle(unpacked / "bundle")
        with packed.open("rb") as source, atomic_writer(output, "wb") as target:
            shutil.copyfileobj(source, target)
    return PackedBundle(output, hypothesis.text)


def check_bundle(folder: Path) -> None:
    """Decode a bundle's own test recording.

    Raises:
        UserError: it has none, or the tokens are not those it was packed with.
    """
    expected = read_json(folder / TEST_FILE)
    found = Recognizer.load(folder, expected["method"]).transcribe(folder / TEST_AUDIO)
    if found.tokens != expected["tokens"]:
        raise UserError(
            f"the test recording gives '{found.text}', not '{expected['text']}'",
            where=str(folder),
            todo="The bundle does not work on this machine as where it was made.",
        )
