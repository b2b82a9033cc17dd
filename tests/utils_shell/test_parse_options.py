"""utils/parse_options.sh: the variables of a script become its options."""

from __future__ import annotations

import pytest

from asr.errors import did_you_mean

SCRIPT = """\
#!/usr/bin/env bash
# Trains a model.
#
#   --stage N   first stage

# Not part of the help.
set -euo pipefail
caller_dir=$PWD
cd "$(dirname "$0")"
stage=0
nj=-1
force=false
resume=true
train_config=conf/conformer.yaml
name=first
value=second
line=third
folders=(1 2)
readonly fixed=1
UPPER=1
_private=1
. UTILS/parse_options.sh
for variable in stage nj force resume train_config name value line; do
  echo "$variable=${!variable}"
done
echo "given: $(printf '%s\\n' "${!given_options[@]}" | sort | paste -s -d ' ')"
printf 'rest: %s\\n' "$#"
for argument; do echo "argument: $argument"; done
"""

DEFAULTS = {
    "stage": "0",
    "nj": "-1",
    "force": "false",
    "resume": "true",
    "train_config": "conf/conformer.yaml",
    "name": "first",
    "value": "second",
    "line": "third",
}

EVERY = "; the options are --force --line --name --nj --resume --stage --train-config --value"


@pytest.fixture
def script(recipe):
    recipe.write("run.sh", SCRIPT)
    return recipe


def variables(result):
    assert result.returncode == 0, result.stderr
    return dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)


def assert_mistake(result, message):
    assert result.returncode == 2
    assert result.stderr == f"run.sh: error: {message}\n"
    assert result.stdout == ""


def test_defaults_stay_without_options(script):
    result = script.run()
    assert variables(result) == DEFAULTS
    assert "given: \nrest: 0\n" in result.stdout


@pytest.mark.parametrize(
    ("args", "changed"),
    [
        (["--stage", "3"], {"stage": "3"}),
        (["--stage=3"], {"stage": "3"}),
        (["--nj", "-5"], {"nj": "-5"}),
        (["--train-config", "my conf/a.yaml"], {"train_config": "my conf/a.yaml"}),
        (["--train_config=b.yaml"], {"train_config": "b.yaml"}),
        (["--name=a=b"], {"name": "a=b"}),
        (["--name="], {"name": ""}),
        (["--name", ""], {"name": ""}),
        (["--name", "$(touch x) `y` 'z'"], {"name": "$(touch x) `y` 'z'"}),
        (["--name", "7", "--name", "eight"], {"name": "eight"}),
        (["--value", "v", "--line", "l"], {"value": "v", "line": "l"}),
        (["--force"], {"force": "true"}),
        (["--force", "--stage", "1"], {"force": "true", "stage": "1"}),
        (["--force", "false", "--resume", "false"], {"resume": "false"}),
        (["--force=true", "--resume=false"], {"force": "true", "resume": "false"}),
    ],
)
def test_options_set_variables(script, args, changed):
    assert variables(script.run(*args)) == {**DEFAULTS, **changed}


def test_given_options_are_remembered_even_at_their_default(script):
    result = script.run("--stage", "0", "--train-config=x", "--force")
    assert "given: force stage train_config\n" in result.stdout


@pytest.mark.parametrize(
    ("args", "rest"),
    [
        (["--stage", "1", "a b", "c"], ["a b", "c"]),
        (["--stage", "1", "--", "--nj", "x"], ["--nj", "x"]),
        (["a", "--stage", "1"], ["a", "--stage", "1"]),
        (["--force", "a"], ["a"]),
        (["--stage", "1", "--"], []),
        (["-"], ["-"]),
    ],
)
def test_remaining_arguments_are_left_to_the_script(script, args, rest):
    lines = script.run(*args).stdout.splitlines()
    assert f"rest: {len(rest)}" in lines
    assert [line for line in lines if line.startswith("argument")] == [
        f"argument: {argument}" for argument in rest
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--stage", "three"], "--stage takes an integer, not 'three'"),
        (["--stage=1.5"], "--stage takes an integer, not '1.5'"),
        (["--stage=08"], "--stage takes an integer, not '08'"),
        (["--stage="], "--stage takes an integer, not ''"),
        (["--force=yes"], "--force takes true or false, not 'yes'"),
        (["--force=1"], "--force takes true or false, not '1'"),
        (["--stage"], "--stage needs a value"),
        (["--train-config"], "--train-config needs a value"),
        (["--name", "--stage", "1"], "--name needs a value"),
        (["--satge", "3"], f"unknown option --satge; did you mean --stage?{EVERY}"),
        (["--satge=3"], f"unknown option --satge; did you mean --stage?{EVERY}"),
        (["--train-confg=x"], f"unknown option --train-confg; did you mean --train-config?{EVERY}"),
        (["-stage", "3"], f"unknown option -stage; did you mean --stage?{EVERY}"),
        (["--forse"], f"unknown option --forse; did you mean --force?{EVERY}"),
    ],
)
def test_mistakes_are_one_line(script, args, message):
    assert_mistake(script.run(*args), message)


@pytest.mark.parametrize(
    "option",
    ["--checkpoint", "--folders", "--fixed", "--UPPER", "--http-proxy", "--caller-dir", "--a]b"],
)
def test_unknown_option_near_nothing_lists_all(script, option):
    result = script.run(option, "1", env={"http_proxy": "host"})
    assert_mistake(result, f"unknown option {option}{EVERY}")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--stag", "stage"),
        ("--tsage", "stage"),
        ("--FORCE", "force"),
        ("--train", "train_config"),
        ("--config", "train_config"),
        ("--resumes", "resume"),
        ("--nj4", "nj"),
        ("--trian-cofnig", "train_config"),
        ("--test", None),
        ("--lie", "line"),
        ("--n", None),
        ("--lr", None),
        ("--make", None),
        ("--epochs", None),
        ("--checkpoint", None),
        ("--from", None),
        ("--tine", "line"),
    ],
)
def test_only_what_is_near_is_suggested_in_python_alike(script, typed, meant):
    names = [name.strip("-").replace("-", "_") for name in EVERY.split()[3:]]
    told = script.run(typed, "1").stderr
    in_python = did_you_mean(typed, names)
    if meant is None:
        assert "did you mean" not in told
        assert in_python == f"Known: {', '.join(names)}."
    else:
        assert f"did you mean --{meant.replace('_', '-')}?" in told
        assert in_python == f"Did you mean '{meant}'? Known: {', '.join(names)}."
    assert EVERY in told


def test_private_variable_is_no_option(script):
    assert script.run("---private", "1").returncode == 2
    assert script.run("--_private", "1").returncode == 2


def test_exported_variable_that_the_script_sets_is_an_option(script):
    values = variables(script.run("--stage", "4", env={"stage": "9", "name": "from outside"}))
    assert values == {**DEFAULTS, "stage": "4"}


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_the_header_comment(script, option):
    result = script.run("--stage", "1", option)
    assert result.returncode == 0
    assert result.stdout == "Trains a model.\n\n  --stage N   first stage\n"
    assert result.stderr == ""


def test_options_and_help_from_help_files(recipe):
    recipe.write(
        "shared options.sh",
        "# Shared:\n#   --depth N\n#\n# shellcheck shell=bash\n# For the developer.\ndepth=2\n",
    )
    recipe.write("more.sh", "# shellcheck shell=bash\n# More.\n\n# Code.\n")
    script = "#!/bin/bash\n# Mine.\ncd \"${0%/*}\"\n. './shared options.sh'\n. ./more.sh\n"
    rest = '. UTILS/parse_options.sh\necho "depth=$depth"\n'

    recipe.write("run.sh", f"{script}caller_dir=$OLDPWD\nhelp_files='shared options.sh'\n{rest}")
    assert recipe.run("--help").stdout == "Mine.\n\nShared:\n  --depth N\n\n"
    assert variables(recipe.run("--depth", "5", env={"depth": "7"})) == {"depth": "5"}

    (recipe.folder / "shared options.sh").rename(recipe.folder / "shared.sh")
    script = script.replace("shared options", "shared")
    recipe.write("run.sh", f"{script}caller_dir=$OLDPWD\nhelp_files=(shared.sh more.sh)\n{rest}")
    assert recipe.run("--help").stdout == "Mine.\n\nShared:\n  --depth N\n\n\nMore.\n"
