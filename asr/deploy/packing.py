"""A bundle as one file, with a recording that proves it works."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from asr.archives import unpack
from asr.decoding.recognizer import Recognizer
from asr.decoding.self_test import (
    SelfTest,
    check_bundle,
    choose_recording,
    has_self_test,
    write_self_test,
)
from asr.errors import UserError
from asr.feeding.cuts import load_cuts
from asr.files import atomic_writer, disk_errors


@dataclass(frozen=True)
class PackedBundle:
    """The file, and what was recognised in its test recording."""

    path: Path
    text: str


def pack_bundle(bundle: Path, cuts: Path | None, output: Path) -> PackedBundle:
    """Write a bundle as a `.tar.gz` together with a test recording and its transcription.

    The archive is unpacked again elsewhere, loaded, and must give the same tokens for its test
    recording; only then does it get its name.

    Args:
        cuts: to take a test recording from; None for the one that the bundle brings.

    Raises:
        UserError: the bundle or the cuts are missing, no cut is short enough, the bundle brings no
            recording, or the unpacked bundle decodes differently.
    """
    recognizer = Recognizer.load(bundle)
    rate = recognizer.bundle.config.features_params.sampling_rate
    if cuts is not None:
        samples = choose_recording(recognizer, load_cuts(cuts), str(cuts))
    elif has_self_test(bundle):
        check_bundle(bundle)
        samples = SelfTest.load(bundle, rate).samples
    else:
        raise UserError(
            "the bundle brings no test recording",
            where=str(bundle),
            todo="Name lhotse cuts to take one from with --cuts.",
        )
    with disk_errors(tempfile.gettempdir()), tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "packed" / "bundle"
        shutil.copytree(bundle, folder)
        hypothesis = write_self_test(recognizer, folder, samples)
        packed = Path(scratch) / "bundle.tar.gz"
        with tarfile.open(packed, "w:gz") as archive:
            archive.add(folder, arcname="bundle")
        unpack(packed, Path(scratch) / "unpacked")
        check_bundle(Path(scratch) / "unpacked" / "bundle")
        with packed.open("rb") as source, atomic_writer(output, "wb") as target:
            shutil.copyfileobj(source, target)
    return PackedBundle(output, hypothesis.text)
