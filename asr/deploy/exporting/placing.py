"""Putting a finished export where it was asked for."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from asr.bundle import TUNED_FILE
from asr.deploy.manifest import CTC, DECODER, MANIFEST_FILE, MODEL, SUFFIXES
from asr.files import atomic_writer, disk_errors

_MAY_REMAIN = (TUNED_FILE, *(n + s for n in (MODEL, CTC, DECODER) for s in SUFFIXES))


def place_export(folder: Path, output: Path) -> None:
    """Put the files where they were asked for, once all of them have found room there.

    An older export in `output` stays as it was until then. Its manifest goes first, and the new one
    comes last, so that a folder with a manifest is whole.

    Raises:
        UserError: the disk is full, or the folder may not be written to.
    """
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    with disk_errors(output), ExitStack() as stack:
        # The writers rename their files as the stack unwinds: what was entered first comes last.
        for name in sorted(names, key=lambda name: name != MANIFEST_FILE):
            target = stack.enter_context(atomic_writer(output / name, "wb"))
            with (folder / name).open("rb") as source:
                shutil.copyfileobj(source, target)
            target.flush()
        (output / MANIFEST_FILE).unlink(missing_ok=True)
        for name in set(_MAY_REMAIN) - set(names):  # from an export of another kind
            (output / name).unlink(missing_ok=True)
