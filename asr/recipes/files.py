"""The files of a generated recipe: run.sh, conf/, README.md."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

from asr.corpora.tables.corpora import TableRequest
from asr.files import write_text
from asr.recipes.decisions import Decision, Plan
from asr.scoring.text_tables import markdown_table

_SUBWORDS_OF_A_REHEARSAL = 4
_ENCODERS = ("conformer", "transformer")
_RUN = """\
#!/usr/bin/env bash
# {name}: made by `asr init-recipe`; README.md says what was decided, and why.
#
#   bash egs/{name}/run.sh --rehearse          every stage on a few utterances, in minutes
#   bash egs/{name}/run.sh                     the whole recipe
#   bash egs/{name}/run.sh --corpus-dir PATH   {name} where it lies now
set -euo pipefail
{utils}

corpus_dir={corpus_dir}
# shellcheck source={options}
. "$recipe_root/utils/parse_options.sh"

unit={unit} normaliser={normaliser}
rehearsal_sample=60 # utterances of each split{overrides}
recipe_begin "$@"

make_tables {layout} {language} {arguments}
standard_stages "$data/tables" train dev test
"""
_UTILS_HERE = """\
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh\""""
_UTILS_ELSEWHERE = """\
ASR_TOOLKIT=${{ASR_TOOLKIT:-{toolkit}}} # the checkout; change it here if it has moved
# shellcheck source={toolkit}/utils/recipe.sh
. "$ASR_TOOLKIT/utils/recipe.sh\""""
_README = """\
# {name}: your own data

Made by `asr init-recipe {name}` from `{corpus}`, which is only read.

```
bash egs/{name}/run.sh --rehearse       # every stage on a few utterances, with a tiny model
bash egs/{name}/run.sh                  # every stage in earnest
bash egs/{name}/run.sh --train-config conf/transformer.yaml
```

{warnings}## What was decided for {name}, and why

{decisions}
Everything here is yours to change: `conf/corpus.yaml` holds tokens with their normaliser, sampling
rate and length of the training, `run.sh` the splits and the normaliser of the scoring. What {name}
could not use is listed, with reasons, in `data/<split>/rejected.jsonl`; the results come to
`results/test.md`.
"""


@dataclass(frozen=True)
class RecipeFiles:
    """What a recipe's files are made of.

    Attributes:
        toolkit: as in `Place`.
    """

    name: str
    tables: TableRequest
    plan: Plan
    decisions: list[Decision]
    warnings: list[str]
    toolkit: Path | None = None

    def write(self, folder: Path) -> None:
        """Write all of them into `folder`."""
        write_text(folder / "run.sh", self.run_script())
        write_text(folder / "README.md", self.readme())
        for name, text in self.confs().items():
            write_text(folder / "conf" / f"{name}.yaml", text)

    def run_script(self) -> str:
        """Return run.sh."""
        return _RUN.format(
            name=self.name,
            corpus_dir=_quote(str(self.tables.corpus_dir)),
            utils=self._utils(),
            options=Path(self.toolkit or "") / "utils" / "parse_options.sh",
            unit=self.plan.unit,
            normaliser=self.plan.normaliser,
            overrides=self._rehearsal_overrides(),
            layout=self.tables.layout,
            language=_quote(self.plan.language),
            arguments=" ".join(map(_quote, self._table_arguments())),
        )

    def confs(self) -> dict[str, str]:
        """Return the conf files by name: one for all, and one for each encoder and its stream."""
        shared = yaml.safe_dump(self.plan.conf, sort_keys=False, default_flow_style=None)
        confs = {
            "corpus": f"# What every conf of this recipe shares, laid over a preset.\n{shared}"
        }
        for encoder in _ENCODERS:
            for streaming in ("", "_streaming"):
                preset = f"{encoder}{self.plan.preset_size}{streaming}"
                confs[f"{encoder}{streaming}"] = f"base: [{preset}, corpus.yaml]\n"
        return confs

    def readme(self) -> str:
        """Return README.md."""
        noted = "".join(f"- {warning}\n" for warning in self.warnings)
        return _README.format(
            name=self.name,
            corpus=self.tables.corpus_dir,
            warnings=f"## Mind\n\n{noted}\n" if noted else "",
            decisions=decisions_table(self.decisions),
        )

    def _utils(self) -> str:
        if self.toolkit is None:
            return _UTILS_HERE
        return _UTILS_ELSEWHERE.format(toolkit=_quote(str(self.toolkit)))

    def _rehearsal_overrides(self) -> str:
        """Fewer subwords: a few utterances do not spell as many as the corpus does."""
        fewest = self.plan.fewest_tokens
        if fewest is None:
            return ""
        size = fewest + _SUBWORDS_OF_A_REHEARSAL
        return f'\nrehearsal_overrides="tokenizer_params.vocab_size={size}"'

    def _table_arguments(self) -> list[str]:
        request = self.tables
        arguments = [f"{split}={','.join(parts)}" for split, parts in request.splits.items()]
        for split, held in request.holdouts.items():
            arguments += ["--hold-out", f"{split}={held.source}:{held.share:g}"]
        if request.holdouts and request.split_by == "utterance":
            arguments += ["--split-by", "utterance"]
        for key, name in request.columns.items():
            arguments += ["--column", f"{key}:{name}"]
        return arguments


def _quote(text: str) -> str:
    """Return `text` as one word of bash; in double quotes where it needs any."""
    if shlex.quote(text) == text:
        return text
    escaped = re.sub(r'(["\\$`])', r"\\\1", text)
    return f'"{escaped}"'


def decisions_table(decisions: list[Decision]) -> str:
    """Return a markdown table of decisions and their reasons."""
    rows = [(item.what, item.choice, item.why) for item in decisions]
    return markdown_table({"what": "left", "decision": "left", "why": "left"}, rows)
