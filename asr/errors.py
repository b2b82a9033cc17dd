"""Errors that are the user's to mend, told in one line."""

from __future__ import annotations

import difflib
import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

EXIT_OUR_FAULT = 1
EXIT_USER_MISTAKE = 2
EXIT_LOST_PROCESS = 75  # of a training process that another one's end has ended


class LostProcessError(Exception):
    """Another training process has ended, and tells why: one line says so here."""


class UserError(Exception):
    """A mistake the user can mend.

    The command line prints it as one line and exits with code 2, without a traceback.

    Args:
        what: what is wrong, in a few words.
        where: the file, key path or option it is about.
        todo: what to do about it.
    """

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what = what
        self.where = where
        self.todo = todo
        located = f"{where}: {what}" if where else what
        message = f"{located}. {todo}" if todo else located
        super().__init__(" ".join(message.split()))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names the entry of `known` nearest to `name`, or all of them."""
    choices = sorted(known)
    nearest = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    if nearest:
        return f"Did you mean '{nearest[0]}'?"
    return f"Known: {', '.join(choices)}."


@contextmanager
def needs_extra(what: str, extra: str, packages: Collection[str]) -> Iterator[None]:
    """Tell how to install what an import in the block misses.

    Args:
        what: needs it.
        extra: of this toolkit, that brings it.
        packages: names of modules that the extra brings; others that are missing are our fault.

    Raises:
        UserError: one of `packages` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in packages:
            raise
        todo = f"Install the extra: pip install 'asr-toolkit[{extra}]'."
        raise UserError(f"{what} needs the package {missing}", todo=todo) from error


def tell_mistake(program: str, message: str) -> int:
    """Print a user's mistake as one line and return the exit code for it.

    Of several training processes with the same mistake one should tell it: the others wait, and
    are ended by torchrun once the first is gone. One that is alone with its mistake does tell it.
    """
    if int(os.environ.get("RANK", "0")) > 0:
        time.sleep(3.0)
    print(f"{program}: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return EXIT_USER_MISTAKE
