"""The `asr` command: finds the command's module, runs it, turns errors into exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from asr import __version__
from asr.errors import (
    EXIT_OUR_FAULT,
    LostProcessError,
    UserError,
    did_you_mean,
    tell_lost,
    tell_mistake,
)
from asr.machine import bulk_allocation

# Two threads that spin for each other on two busy cores slow training by a factor of fifty; waiting
# asleep costs a quarter on idle ones. Read once, when torch loads its thread library.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# By what one wants: name -> what it does. The module is `asr.cli.<name with _>` and its click
# command is `command`; it is imported only when called, so that `asr score` never waits for torch.
GROUPS = {
    "Data": {
        "init-recipe": "make a recipe for your own data",
        "table": "write the tables of a corpus whose layout is known",
        "prepare": "turn a table of recordings into lhotse manifests",
        "validate": "check manifests, set bad utterances aside with reasons",
        "validate-splits": "look for speakers and audio that two splits share",
        "features": "compute and store fbank features",
        "create-dataset": "write a corpus as shards, on one machine or a cluster",
    },
    "Train": {
        "tokenizer": "train or build a tokenizer",
        "train": "train a model under torchrun",
        "average": "choose checkpoints on dev, average them, write the bundle",
        "lm": "train, prune and measure n-gram language models",
        "train-lm": "train a neural language model under torchrun",
    },
    "Decode": {
        "graph": "build a decoding graph of words or with a language model",
        "tune": "choose decoding weights, beams and averages on dev",
        "evaluate": "a model's error rate on your table, folder or cuts",
        "decode": "decode a split with a bundle",
        "stream": "decode a split as live speech: error rates and delays",
        "score": "WER, CER and MER tables from decoded hypotheses",
        "align": "place known transcripts in time with a bundle",
    },
    "Use": {
        "transcribe": "transcribe audio files with a bundle",
        "serve": "serve a model: live audio, files, and a page",
        "client": "send audio to a server of asr serve, live or as a file",
        "export": "pack a bundle into one file and check it",
    },
    "Look": {
        "config": "check a conf file and print it resolved",
        "augment": "write audio and spectrograms before and after augmentation",
        "report": "one HTML page about all results of a recipe",
        "doctor": "print versions, devices and what is missing for what",
    },
}
COMMANDS = {name: does for group in GROUPS.values() for name, does in group.items()}


class LazyGroup(click.Group):
    """A click group that imports a command's module on its first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = f"asr.cli.{cmd_name.replace('-', '_')}"
        if name not in sys.modules:
            with bulk_allocation():  # the collector would take a fifth of the time torch needs
                importlib.import_module(name)
        command: click.Command = sys.modules[name].command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            todo = did_you_mean(args[0], COMMANDS)
            raise UserError(f"no command '{args[0]}'", where="asr", todo=todo)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), does) for name, does in group.items()])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(__version__, prog_name="asr")
@click.pass_context
def cli(context: click.Context) -> None:
    """Train, decode, score and use speech recognition models."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0, 1 for a fault of ours, 2 for a user's mistake."""
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        # Commands find the whole command line in the context: asr train hands it to torchrun.
        code = cli.main(args=given, prog_name="asr", standalone_mode=False, obj=given)
    except UserError as error:
        return tell_mistake("asr", str(error))
    except LostProcessError as error:
        return tell_lost(str(error))
    except click.UsageError as error:
        return tell_mistake("asr", " ".join(_usage_error(error).split()))
    except (click.Abort, KeyboardInterrupt):
        print("asr: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `asr … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OUR_FAULT
    return code if isinstance(code, int) else 0  # click hands an Exit's code back as the result


def _usage_error(error: click.UsageError) -> str:
    message = error.format_message()
    if error.ctx is None:
        return message
    if isinstance(error, click.NoSuchOption):
        options = (o for p in error.ctx.command.get_params(error.ctx) for o in p.opts)
        known = did_you_mean(error.option_name, (o for o in options if o.startswith("--")))
        message = f"{error.ctx.command_path} has no option {error.option_name}. {known}"
    return f"{message} Try '{error.ctx.command_path} --help'."


if __name__ == "__main__":
    sys.exit(main())
