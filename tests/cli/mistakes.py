"""What every command does with a user's mistake: one line, exit code 2, nothing written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from asr.cli.main import main
from tests.decoding_kit import DecodingKit

# Of these names cases can give files that are not what is asked for, as {tmp}/NAME.
FILES = {
    "empty": "",
    "blank": "\n",
    "words": "low mid\n",
    "lexicon": "low l o w\nmid m i q\n",
    "doubled": "low l o w\nlow l o w\n",
    "nouni.arpa": "\\data\\\nngram 2=1\n\n\\2-grams:\n-1 a b\n\n\\end\\\n",
    "text.arpa": "hello\n",
}


def told_mistake(
    arguments: Sequence[object], output: Path, capfd: pytest.CaptureFixture[str]
) -> str:
    """Run a command that must refuse, without a trace in the folder `output`; return its line.

    What libraries print past Python counts as well.
    """
    before = files_under(output)
    capfd.readouterr()
    code = main([str(argument) for argument in arguments])
    error = re.sub(r"[^\n]*\r", "", capfd.readouterr().err)
    assert code == 2, error
    (line,) = error.splitlines()
    assert line.startswith("asr: error: ")
    assert files_under(output) == before
    return line


def files_under(folder: Path) -> list[Path]:
    """Return the files in a folder, which need not exist."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


@dataclass(frozen=True)
class MistakeKit:
    """Commands that would work with the tests' model, and what they tell of mistakes.

    Attributes:
        kit: the model, and what it decodes with; never written to.
        folder: the test's own.
    """

    kit: DecodingKit
    folder: Path
    capfd: pytest.CaptureFixture[str]

    @property
    def output(self) -> Path:
        """Where commands would write."""
        return self.folder / "out"

    def arguments(self, command: str, *more: object, output: Path | None = None) -> list[object]:
        """Return a command that could be run, and more options, of which the last ones count.

        Args:
            command: with its subcommand.
            output: instead of the kit's own.
        """
        kit, output = self.kit, output or self.output
        cuts = ["--cuts", kit.corpus.dev_cuts]
        speech = kit.corpus.root / "wav" / "test-000.wav"
        to_folder: list[object] = ["--output-dir", output]
        options: dict[str, list[object]] = {
            "decode": ["--bundle", kit.bundle, *cuts, "--split", "dev", *to_folder],
            "transcribe": ["--bundle", kit.bundle, speech, *to_folder],
            "align": ["--bundle", kit.bundle, *cuts, *to_folder],
            "tune": ["--exp-dir", kit.experiment, "--dev-cuts", kit.corpus.dev_cuts,
                     "--method", "ctc-prefix-beam"],
            "graph": ["--tokenizer", kit.bundle / "tokenizer", *to_folder],
            "lm train": ["--output", output / "x.arpa"],
            "lm prune": ["--output", output / "x.arpa"],
        }  # fmt: skip
        return [*command.split(), *options[command], *more]

    def refuses(self, command: str, *more: object, output: Path | None = None) -> str:
        """Run `arguments`, which hold a mistake, and return the line; nothing may be written.

        {kit} and {tmp} in options stand for the folders; `FILES` lie in the latter.
        """
        for name, content in FILES.items():
            (self.folder / name).write_text(content)
        places = {"kit": self.kit.root, "tmp": self.folder}
        given = [part.format(**places) if isinstance(part, str) else part for part in more]
        watched = self.kit.root if command == "tune" else output or self.output
        return self.told(self.arguments(command, *given, output=output), watched)

    def told(self, arguments: Sequence[object], untouched: Path | None = None) -> str:
        """Run a command of the test's own that must refuse; return its line."""
        return told_mistake(arguments, untouched or self.output, self.capfd)
