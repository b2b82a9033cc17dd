"""What `--help` says of every command and option."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from asr.cli.main import COMMANDS, GROUPS, cli, main


def leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield a command, or those of a group, with the words that call it."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    for inner, found in command.commands.items():
        yield from leaves(f"{name} {inner}", found)


def of_name(name: str) -> list[tuple[str, click.Command]]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return list(leaves(name, command))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_a_sentence_with_its_default(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, command in of_name(name):
        assert main([*words.split(), "--help"]) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert command.help and command.help.strip().endswith((".", "…."))
        for option in command.params:
            if not isinstance(option, click.Option):
                continue
            assert option.help and option.help.endswith("."), f"{words} {option.opts}"
            default = option.to_info_dict()["default"]
            if default not in (None, False, ()) and not option.multiple:
                assert f"[default: {default}" in told, f"{words} {option.opts}"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_alone_it_prints_its_commands_by_what_one_wants(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    told = capsys.readouterr().out
    titles = [
        line.removesuffix(":") for line in told.splitlines() if line in map("{}:".format, GROUPS)
    ]
    assert titles == list(GROUPS)
    listed = [
        line.split()[0] for line in told.partition("Data:")[2].splitlines() if line[:2] == "  "
    ]
    assert listed == [name for group in GROUPS.values() for name in group]
    assert len(set(listed)) == len(listed)


def test_a_group_of_commands_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lm"]) == 0
    assert "perplexity" in capsys.readouterr().out
