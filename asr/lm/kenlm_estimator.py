"""Modified Kneser-Ney models estimated by KenLM's program `lmplz` (Heafield et al. 2013)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

from asr.config.ngram import NgramParams
from asr.errors import UserError
from asr.ngrams.arpa import read_arpa
from asr.ngrams.model import NgramModel

_PROGRAM = "lmplz"


def estimate_by_kenlm(
    sentences: Iterable[list[str]], vocabulary: Collection[str] | None, params: NgramParams
) -> NgramModel:
    """Estimate an interpolated backoff model; words outside `vocabulary` are its `<unk>`.

    Raises:
        UserError: there is no `lmplz` on the PATH, or it fails; its last line is in the message.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        raise UserError(
            f"no program `{_PROGRAM}` on the PATH",
            where="--estimator kenlm",
            todo="Build KenLM (see docs/lm.md), or use --estimator kaldingram.",
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arpa, text = folder / "model.arpa", folder / "text"
        with text.open("w", encoding="utf-8") as stream:
            stream.writelines(" ".join(units) + "\n" for units in sentences)
        # lmplz takes the greatest count to leave out.
        cutoffs = [params.cutoff(order) - 1 for order in range(1, params.order + 1)]
        command = [program, "-o", str(params.order), "-T", name, "--discount_fallback"]
        command += ["--text", str(text), "--arpa", str(arpa), "--prune", *map(str, cutoffs)]
        if vocabulary is not None:
            words = folder / "vocabulary"
            words.write_text(" ".join(sorted(vocabulary)), encoding="utf-8")
            command += ["--limit_vocab_file", str(words)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise UserError(f"`{_PROGRAM}` failed: {last}", where="--estimator kenlm")
        return read_arpa(arpa)
