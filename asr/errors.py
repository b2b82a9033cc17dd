"""Errors that are the user's to mend, told in one line."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

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


def raise_mistakes(mistakes: Sequence[UserError]) -> None:
    """Raise what was found wrong, if anything was, as one error that tells a line each."""
    if mistakes:
        first = mistakes[0]
        error = UserError(first.what, where=first.where, todo=first.todo)
        error.args = ("\n".join(map(str, mistakes)),)
        raise error


_MOST_LISTED = 60


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that lists `known`, before it one with what `name` was meant to be.

    Without anything near nothing is suggested; `utils/parse_options.sh` goes by the same rules.
    """
    choices = sorted(set(known))
    listed = ", ".join(choices[:_MOST_LISTED])
    if len(choices) > _MOST_LISTED:
        listed += f", and {len(choices) - _MOST_LISTED} more"
    nearest = _nearest(name, choices)
    suggestion = f"Did you mean {' or '.join(map(repr, nearest))}? " if nearest else ""
    return f"{suggestion}Known: {listed}."


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return what `name` is a mistyped or shortened form of, in the order of `known`.

    Mistyped is what is at most one edit in four letters away, capitals and dashes aside; only
    without such, what begins with it or else holds it as whole words, two names at most.
    """
    plain = {choice: choice.lower().replace("-", "_").strip("_") for choice in known}
    typed = name.lower().replace("-", "_").strip("_")
    if len(typed) < 3:
        return [choice for choice, form in plain.items() if form == typed]
    distances = {choice: _edits(typed, form) for choice, form in plain.items()}
    least = min(distances.values(), default=len(typed))
    if least <= max(1, len(typed) // 4):
        return [next(choice for choice in distances if distances[choice] == least)]
    begins = [choice for choice, form in plain.items() if form.startswith(typed)]
    holds = [choice for choice, form in plain.items() if f"_{typed}_" in f"_{form}_"]
    return next((found for found in (begins, holds) if 0 < len(found) <= 2), [])


def _edits(one: str, other: str) -> int:
    """The edit distance of two strings; two neighbours that changed places are one edit."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        last, before, row = before, row, [i]
        for j, target in enumerate(other, start=1):
            edits = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != target))
            swapped = i > 1 and j > 1 and (letter, target) == (other[j - 2], one[i - 2])
            row.append(min(edits, last[j - 2] + 1) if swapped else edits)
    return row[-1]


def install_command(*extras: str) -> str:
    """Return the command that installs extras of this toolkit, which no registry holds."""
    root = Path(__file__).resolve().parents[1]
    folder = str(root) if (root / "setup.py").exists() else "."  # else: where its sources lie
    wanted = shlex.quote(f"{folder}[{','.join(extras)}]")
    return f"{shlex.quote(sys.executable)} -m pip install -e {wanted}"


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
        todo = f"Install it by: {install_command(extra)}"
        raise UserError(f"{what} needs the package {missing}", todo=todo) from error


def tell_lost(message: str) -> int:
    """Print that another process has ended this one, and return the exit code for it.

    The other one may be about to end still. torchrun keeps the code of the first to end, which
    should be the cause's, and ends the others itself.
    """
    print(f"asr: {message}", file=sys.stderr, flush=True)
    time.sleep(5.0)
    return EXIT_LOST_PROCESS


def tell_mistake(program: str, message: str) -> int:
    """Print a user's mistake, or each line of several, and return the exit code for it.

    Of several training processes with the same mistake one should tell it: the others wait, and
    are ended by torchrun once the first is gone. One that is alone with its mistake does tell it.
    """
    if int(os.environ.get("RANK", "0")) > 0:
        time.sleep(3.0)
    for line in message.splitlines():
        print(f"{program}: error: {' '.join(line.split())}", file=sys.stderr, flush=True)
    return EXIT_USER_MISTAKE
