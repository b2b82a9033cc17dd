"""Where recipes are written, and which toolkit they run with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import asr
from asr.errors import UserError

_MARK = Path("utils") / "recipe.sh"


@dataclass(frozen=True)
class Place:
    """Where a recipe goes.

    Attributes:
        toolkit: the checkout whose utils/ it runs with; None where it lies in that checkout itself
            and finds them from there, wherever the checkout is moved.
    """

    egs_dir: Path
    toolkit: Path | None


def find_place(egs_dir: Path | None = None) -> Place:
    """Return where recipes go: `egs_dir`, or `egs` of the checkout around the current folder.

    Outside of any checkout that is `egs` in the current folder, and the recipe runs with the
    checkout that this library belongs to.

    Raises:
        UserError: neither is a checkout.
    """
    if egs_dir is None:
        here = Path.cwd()
        around = (folder for folder in (here, *here.parents) if (folder / _MARK).is_file())
        egs_dir = next(around, here) / "egs"
    egs_dir = egs_dir.absolute()
    if (egs_dir.parent / _MARK).is_file():
        return Place(egs_dir, None)
    toolkit = Path(asr.__file__).parents[1]
    if not (toolkit / _MARK).is_file():
        todo = "Run it in a checkout, or install one: pip install -e CHECKOUT."
        what = "the toolkit is installed without its utils/, which recipes run with"
        raise UserError(what, where=str(toolkit), todo=todo)
    return Place(egs_dir, toolkit)
