"""utils/stages.sh: stages run once, say why they run again, and never fail in silence."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import signal
import subprocess
import termios

import pytest

from tests.patience import PATIENCE, wait_until


@pytest.fixture(autouse=True)
def interruptible():
    """A suite that was started in the background ignores Ctrl-C, and so would what it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


HEAD = """\
#!/usr/bin/env bash
set -euo pipefail
caller_dir=$PWD
cd "$(dirname "$0")"
stage=0
stop_stage=9
force=false
corpus_dir=
train_config=conf/train.yaml
. UTILS/parse_options.sh
. UTILS/stages.sh
marker_dir=data/.stages
log_dir=data/log
"""

# Stage 2 depends on 1, stage 3 on 2, stage 4 on 2 and 3; all on what is not made by a stage, too.
TOY = (
    HEAD
    + """\
join() { cat "${@:2}" > "$1"; }
keep_first_line() { mkdir -p "$1"; head -n 1 "$2" > "$1/first line"; }
run_stage 1 "manifests" --in "corpus/the wavs" --out data/manifest \\
  -- join data/manifest "corpus/the wavs"
run_stage 2 "fbank" --in data/manifest --in conf/fbank.yaml --out "data/the fbank" \\
  -- keep_first_line "data/the fbank" data/manifest
marker_dir=exp/.stages
log_dir=exp/log
run_stage 3 "training" --in "data/the fbank" --in conf/train.yaml --in-text "seed ${SEED:-1}" \\
  --out exp/model -- join exp/model "data/the fbank/first line" conf/train.yaml
run_stage 4 "scoring" --in "data/the fbank/first line" --in exp/model --out exp/wer \\
  -- join exp/wer exp/model
"""
)


@pytest.fixture
def toy(recipe):
    recipe.write("run.sh", TOY)
    recipe.write("corpus/the wavs", "one\ntwo\n")
    recipe.write("conf/fbank.yaml", "bins: 80\n")
    recipe.write("conf/train.yaml", "layers: 2\n")
    return recipe


@pytest.fixture
def one_stage(recipe):
    """Writes a run.sh with some shell text of functions and the tail of one run_stage call."""

    def write(arguments, functions=""):
        recipe.write("run.sh", f"{HEAD}{functions}\nrun_stage 3 Training {arguments}\n")
        return recipe

    return write


def done(result):
    """The numbers of the stages that ran."""
    assert result.returncode == 0, result.stderr
    return [int(n) for n in re.findall(r"^stage (\d+) \(.*\): done in \d+ s$", result.stdout, re.M)]


def markers(recipe):
    return sorted(path.name for path in recipe.folder.glob("*/.stages/[!.]*"))


def is_alive(pid):
    """True for a running process; a zombie has ended."""
    result = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return result.stdout.strip()[:1] not in ("", "Z")


# ---- markers ----


def test_finished_stages_are_up_to_date(toy):
    first = toy.run()
    assert done(first) == [1, 2, 3, 4]
    assert "stage 3 (training): first run\n" in first.stdout
    assert markers(toy) == ["1.manifests", "2.fbank", "3.training", "4.scoring"]
    assert toy.read("exp/wer") == "one\nlayers: 2\n"

    again = toy.run()
    assert done(again) == []
    assert again.stdout == (
        "stage 1 (manifests): up to date\n"
        "stage 2 (fbank): up to date\n"
        "stage 3 (training): up to date\n"
        "stage 4 (scoring): up to date\n"
    )


def test_changed_conf_redoes_the_dependent_stages(toy):
    toy.run()
    toy.write("conf/train.yaml", "layers: 3\n")
    result = toy.run()
    assert done(result) == [3, 4]
    assert "stage 3 (training): redone, conf/train.yaml changed\n" in result.stdout
    assert "stage 4 (scoring): redone, exp/model changed\n" in result.stdout
    assert toy.read("exp/wer") == "one\nlayers: 3\n"


def test_redone_stage_with_equal_output_redoes_no_further(toy):
    toy.run()
    toy.write("corpus/the wavs", "one\nthree\n")  # only the first line goes into the fbank
    result = toy.run()
    assert done(result) == [1, 2]
    assert "stage 1 (manifests): redone, 'corpus/the wavs' changed\n" in result.stdout
    toy.write("conf/fbank.yaml", "bins: 40\n")
    assert done(toy.run()) == [2]


def test_time_stamps_do_not_count(toy):
    toy.run()
    for path in toy.folder.rglob("*"):
        os.utime(path, (1, 1))
    assert done(toy.run()) == []


def test_missing_output_is_made_again(toy):
    toy.run()
    (toy.folder / "data/manifest").unlink()
    (toy.folder / "data/the fbank/first line").unlink()
    (toy.folder / "data/the fbank").rmdir()
    result = toy.run()
    assert done(result) == [1, 2]
    assert "stage 1 (manifests): redone, data/manifest missing\n" in result.stdout
    assert "stage 2 (fbank): redone, data/the fbank missing\n" in result.stdout


def test_a_file_that_is_gone_from_an_output_folder_is_made_again(toy):
    assert done(toy.run()) == [1, 2, 3, 4]
    (toy.folder / "data/the fbank/first line").unlink()
    again = toy.run("--stage", "2")
    assert "stage 2 (fbank): redone, data/the fbank/first line missing\n" in again.stdout
    assert done(again) == [2]
    assert done(toy.run()) == []


def test_changed_text_and_command(toy, one_stage):
    toy.run()
    result = toy.run(env={"SEED": "2"})
    assert done(result) == [3]
    assert "stage 3 (training): redone, 'seed 2' changed\n" in result.stdout

    assert done(one_stage("-- echo 1").run()) == [3]
    result = one_stage("-- echo 2").run()
    assert "stage 3 (Training): redone, command changed\n" in result.stdout
    result = one_stage("--in conf/train.yaml -- echo 2").run()
    assert "stage 3 (Training): redone, conf/train.yaml changed\n" in result.stdout
    result = one_stage("-- echo 2").run()
    assert "stage 3 (Training): redone, fewer inputs\n" in result.stdout


def test_changed_function_is_a_changed_command(one_stage):
    assert done(one_stage("-- train", "train() { echo 1; }").run()) == [3]
    assert done(one_stage("-- train", "train() { echo 1; } # same").run()) == []
    result = one_stage("-- train", "train() { echo 2; }").run()
    assert "stage 3 (Training): redone, command changed\n" in result.stdout


def test_uncounted_arguments_reach_the_command_and_redo_nothing(one_stage):
    result = one_stage("--with --jobs --with '4 x' -- printf '<%s>\\n'").run()
    assert done(result) == [3]
    assert "<--jobs>\n<4 x>\n" in result.stdout
    assert done(one_stage("--with --jobs --with 8 -- printf '<%s>\\n'").run()) == []
    result = one_stage("--with 9 -- echo").run()
    assert "stage 3 (Training): redone, command changed\n" in result.stdout


def test_a_failure_names_the_whole_command(one_stage):
    result = one_stage("--with /nowhere/at/all -- cat --").run()
    assert result.returncode == 1
    assert "cat -- /nowhere/at/all" in result.stderr


def test_force_redoes_the_stages_in_range(toy):
    toy.run()
    result = toy.run("--force", "--stage", "2", "--stop-stage", "3")
    assert done(result) == [2, 3]
    assert "stage 2 (fbank): redone, forced\n" in result.stdout


def test_marker_is_readable_and_holds_the_hash(toy):
    toy.run(env={"SEED": "5"})
    marker = toy.read("exp/.stages/3.training").splitlines()
    record = marker[3:]
    conf_hash = hashlib.sha256(b"layers: 2\n").hexdigest()
    assert marker[0] == "sha256 " + hashlib.sha256("\n".join([*record, ""]).encode()).hexdigest()
    assert marker[1] == "stage 3 (training)"
    assert re.fullmatch(r"date \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", marker[2])
    assert record[0] == "command join exp/model 'data/the fbank/first line' conf/train.yaml"
    assert re.fullmatch(r"function [0-9a-f]{16}", record[1])
    assert re.fullmatch(r"in [0-9a-f]{16} 'data/the fbank'", record[2])
    assert record[3:] == [f"in {conf_hash[:16]} conf/train.yaml", "in-text 'seed 5'"]


def test_marker_is_gone_while_the_stage_runs(one_stage):
    functions = "show() { echo markers: data/.stages/*; }"
    one_stage("--in-text 1 -- show", functions).run()
    recipe = one_stage("--in-text 2 -- show", functions)
    assert "markers: data/.stages/*\n" in recipe.run().stdout  # no match
    assert markers(recipe) == ["3.training"]


# ---- inputs and outputs ----


@pytest.mark.parametrize(
    ("files", "size", "counts"), [(63, 1, "content"), (64, 1, "times"), (2, 2**21 + 1, "times")]
)
def test_big_folders_count_by_time(one_stage, files, size, counts):
    recipe = one_stage("--in 'my data' -- echo")
    for i in range(files):
        with recipe.write(f"my data/sub {i % 2}/{i}", "").open("wb") as file:
            file.truncate(size)
    path = recipe.folder / "my data/sub 0/0"
    assert done(recipe.run()) == [3]
    assert done(recipe.run()) == []

    os.utime(path, (1, 1))
    assert done(recipe.run()) == ([3] if counts == "times" else [])

    path.write_bytes(b"x" * size)
    os.utime(path, (1, 1))
    assert done(recipe.run()) == ([3] if counts == "content" else [])

    path.rename(path.with_name("other name"))
    assert done(recipe.run()) == [3]
    path.with_name("other name").unlink()
    assert done(recipe.run()) == [3]


def test_a_file_name_is_never_run_and_never_another_file(one_stage):
    """Names with line breaks and with what bash would evaluate in an expression."""
    marker = "MARKER"
    recipe = one_stage("--in corpus -- true")
    names = [
        "harmless\na[$(touch MARKER)]",
        "harmless\nbytes a[$(touch MARKER)] x",
        "a[$(touch MARKER)]",
        "$(touch MARKER)",
    ]
    for name in names:
        recipe.write(f"corpus/{name}", "x")
    assert done(recipe.run()) == [3]
    assert done(recipe.run()) == []
    (recipe.folder / "corpus" / names[0]).unlink()
    assert done(recipe.run()) == [3]
    assert not list(recipe.folder.rglob(marker))
    for index in range(70):  # a big folder is told by its listing
        recipe.write(f"corpus/{index}", "x")
    assert done(recipe.run()) == [3]
    assert done(recipe.run()) == []
    assert not list(recipe.folder.rglob(marker))


def test_hidden_files_of_a_folder_do_not_count(one_stage):
    recipe = one_stage("--in data -- echo")  # the markers and the log lie in data
    recipe.write("run.sh", recipe.read("run.sh").replace("log_dir=data/log", "log_dir=data/.log"))
    recipe.write("data/a", "")
    assert done(recipe.run()) == [3]
    assert done(recipe.run()) == []


def test_skipped_stages_say_nothing(toy):
    toy.run()
    assert done(toy.run("--stage", "3", "--stop-stage", "3", "--force")) == [3]
    result = toy.run("--stage", "5")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (2, "stage 2 (fbank) needs data/manifest, which stage 1 (manifests) makes: "),
        (3, "stage 3 (training) needs data/the fbank, which stage 2 (fbank) makes: "),
        (4, "stage 4 (scoring) needs data/the fbank/first line, which stage 2 (fbank) makes: "),
    ],
)
def test_missing_input_names_the_stage_that_makes_it(toy, stage, message):
    maker = re.search(r"which stage (\d)", message)[1]
    result = toy.run("--stage", str(stage))
    assert result.returncode == 2
    assert result.stderr == f"run.sh: error: {message}run it first with --stage {maker}\n"
    assert result.stdout == ""


def test_missing_input_that_no_stage_makes(toy):
    (toy.folder / "conf/fbank.yaml").unlink()
    result = toy.run()
    assert result.returncode == 2
    message = "stage 2 (fbank) needs conf/fbank.yaml, which does not exist"
    assert result.stderr == f"run.sh: error: {message}\n"


def test_output_that_is_not_made_is_an_error(one_stage):
    recipe = one_stage("--out 'exp/the model' -- echo trained")
    for _ in range(2):
        result = recipe.run()
        assert result.returncode == 1
        assert result.stderr == (
            "run.sh: error: stage 3 (Training) ended well but did not make exp/the model; "
            "its log: data/log/stage3_training.log\n"
        )
        assert markers(recipe) == []


# ---- running and failing ----


def test_log_starts_with_date_and_command_and_ends_with_the_time(one_stage):
    recipe = one_stage("-- speak 'a b' c", 'speak() { echo "out $1"; echo err >&2; }')
    result = recipe.run()
    assert result.stderr == ""
    head, *lines = result.stdout.splitlines()
    assert head == "stage 3 (Training): first run"
    date = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(date + r" stage 3 \(Training\): speak 'a b' c", lines[0])
    assert lines[1:3] == ["out a b", "err"]
    assert re.fullmatch(r"stage 3 \(Training\): done in \d+ s", lines[3])
    assert recipe.read("data/log/stage3_training.log").splitlines() == lines


FAILURES = {
    "command": ("exit_with() { return $1; }", "exit_with 7", 7),
    "user's mistake": ("", "bash -c 'exit 2'", 2),
    "exit": ("leave() { exit 5; }", "leave", 5),
    "in a function": ("train() { (exit 4); echo survived; }", "train", 4),
    "deep in functions": ("g() { (exit 4); echo survived; }\nf() { g; :; }", "f", 4),
    "in a pipeline": ("train() { (exit 6) | cat; echo survived; }", "train", 6),
    "in a substitution": ("train() { local x; x=$(exit 6); echo survived; }", "train", 6),
    "unset variable": ('train() { echo "$nothing"; echo survived; }', "train", 1),
    "no such command": ("", "no_such_command", 127),
    "killed": ("", "bash -c 'kill -KILL $$'", 137),
}


@pytest.mark.parametrize(("functions", "command", "code"), FAILURES.values(), ids=FAILURES)
def test_failure_ends_the_script_with_the_exit_code(one_stage, functions, command, code):
    recipe = one_stage(f"-- {command}\necho after", functions)
    result = recipe.run()
    assert result.returncode == code
    assert "survived" not in result.stdout
    assert "after" not in result.stdout
    signal_name = " (SIGKILL)" if code == 137 else ""
    report = result.stderr.splitlines()
    assert report[0] == (
        f"run.sh: error: stage 3 (Training) failed with exit code {code}{signal_name}"
    )
    assert report[1] == f"  command, in {recipe.folder}: {command}"
    assert report[2] == "  log: data/log/stage3_training.log, which ends with"
    log = recipe.read("data/log/stage3_training.log").splitlines()
    assert report[3:] == [f"  | {line}" for line in log]
    assert markers(recipe) == []
    assert "stage 3 (Training): redone, not marked as finished\n" in recipe.run().stdout


def test_failure_inside_a_function_names_the_line(one_stage):
    recipe = one_stage("-- train", "train() {\n  true\n  ls nowhere/at-all\n}")
    line = recipe.read("run.sh").splitlines().index("  ls nowhere/at-all") + 1
    pattern = rf"\| run\.sh: error: .*run\.sh, line {line}: exit code \d+ from: ls nowhere/at-all"
    assert re.search(pattern, recipe.run().stderr)


def test_failure_shows_the_last_lines_of_the_log(one_stage):
    functions = r"train() { seq 40; printf '1 %%\r2 %%\r3 %%\n'; false; }"
    report = one_stage("-- train", functions).run().stderr
    shown = re.findall(r"^  \| (.*)$", report, re.M)
    assert len(shown) == 20
    assert shown[:2] == ["23", "24"]
    assert shown[17:19] == ["40", "3 %"]


def test_failure_shows_the_error_before_the_tail(one_stage):
    """The reason stands on the second line, however much comes behind it."""
    tell = 'tell() { echo "asr: error: a.yaml: is wrong"; seq 50; exit 2; }'
    result = one_stage("-- tell", tell).run()
    assert result.returncode == 2
    assert result.stderr.splitlines()[:2] == [
        "run.sh: error: stage 3 (Training) failed with exit code 2",
        "  asr: error: a.yaml: is wrong",
    ]


@pytest.mark.parametrize("group", [False, True])
def test_a_killed_recipe_ends_its_command(one_stage, group):
    """The script alone, or all of its process group, gets a signal that nobody can catch."""
    recipe = one_stage("-- wait_long", "wait_long() { echo $BASHPID > pid; sleep 1000; }")
    process = subprocess.Popen(
        recipe.command(), cwd=recipe.caller_dir, start_new_session=True, stdout=subprocess.PIPE
    )
    pid_file = recipe.folder / "pid"
    wait_until(lambda: pid_file.exists() and pid_file.read_text().strip())
    if group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate(timeout=PATIENCE)  # returns once nothing holds the output any more
    wait_until(lambda: not is_alive(int(pid_file.read_text())))


def test_failure_shows_a_command_that_can_be_pasted(one_stage):
    arguments = r"""'a b' "it's" '$HOME `x` *' '' \\"""
    show = r"""bash -c 'printf "<%s>" "$@"; echo; exit 3' --"""
    result = one_stage(f"-- {show} {arguments}").run()
    folder, command = re.search(r"^  command, in (.*?): (.*)$", result.stderr, re.M).groups()
    pasted = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True)
    assert pasted.returncode == 3
    assert pasted.stdout == "<a b><it's><$HOME `x` *><><\\>\n"
    assert pasted.stdout in result.stdout


def test_standard_input_is_empty(one_stage):
    recipe = one_stage("-- cat")
    process = subprocess.Popen(
        recipe.command(), cwd=recipe.caller_dir, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.wait(timeout=PATIENCE) == 0
    process.stdin.close()


def test_failure_ends_what_the_stage_has_started(one_stage):
    recipe = one_stage("-- train", "train() { sleep 60 & echo $! > worker; exit 3; }")
    assert recipe.run().returncode == 3
    wait_until(lambda: not is_alive(int(recipe.read("worker"))))


@pytest.mark.parametrize("call", ["if {}; then :; fi", "{} || true", "{} && true", "! {}"])
def test_run_stage_in_a_condition_is_refused(recipe, call):
    recipe.write("run.sh", HEAD + call.format("run_stage 3 Training -- false"))
    result = recipe.run()
    assert result.returncode == 1
    assert result.stderr == (
        "run.sh: error: stage 3 (Training): call run_stage on its own, "
        "not in a condition (if, &&, ||, !)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--in a", "run_stage needs -- and a command"),
        ("--", "run_stage needs -- and a command"),
        ("--output a -- true", "run_stage does not know --output"),
    ],
)
def test_wrong_call_of_run_stage(one_stage, arguments, message):
    result = one_stage(arguments).run()
    assert result.returncode == 1
    assert result.stderr == f"run.sh: error: stage 3 (Training): {message}\n"


def test_variables_of_the_recipe_reach_the_function(one_stage):
    names = "path text hash word line code i number title slug inputs outputs command status log"
    functions = "".join(f"{name}=mine\n" for name in names.split())
    functions += f'show() {{ for v in {names}; do echo "${{!v}}"; done | uniq -c; }}'
    result = one_stage("--in run.sh --in-text x --out run.sh -- show", functions).run()
    assert f"{len(names.split())} mine\n" in result.stdout


@pytest.mark.parametrize(
    ("text", "code", "command"),
    [
        ("ls nowhere/at-all", 2, "ls nowhere/at-all"),
        ("f() { (exit 3); }; f", 3, "( exit 3 )"),
        ("x=$(exit 4)", 4, "x=$(exit 4)"),
        ("false | cat", 1, "cat"),
        ("[[ -d nowhere ]]", 1, "[[ -d nowhere ]]"),
    ],
)
def test_failure_outside_the_stages_is_reported(recipe, text, code, command):
    recipe.write("run.sh", f"{HEAD}{text}\necho survived\n")
    result = recipe.run()
    assert result.returncode == code
    assert result.stdout == ""
    line = HEAD.count("\n") + 1
    message = f"run.sh, line {line}: exit code {code} from: {command}"
    assert result.stderr.splitlines()[-1].startswith("run.sh: error: ")
    assert result.stderr.splitlines()[-1].endswith(message)
    assert result.stderr.count("error: ") == 1


def test_handled_failure_is_not_reported(recipe):
    text = "false || true\nif false; then :; fi\nx=$(false; echo fine)\n! true\necho end\n"
    recipe.write("run.sh", HEAD + text)
    result = recipe.run()
    assert (result.returncode, result.stdout, result.stderr) == (0, "end\n", "")


# ---- signals ----

GRACEFUL = """train() {
  trap 'sleep 0.2; echo checkpoint saved; exit 0' INT TERM HUP
  sleep 60 > /dev/null & echo $! > worker
  echo started
  wait
}
"""


def start(recipe, **options):
    """Start a recipe that hears signals, also where the tests run under nohup."""

    def prepare():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        also()

    also = options.pop("preexec_fn", lambda: None)
    options |= {"text": True, "start_new_session": True, "preexec_fn": prepare}
    return subprocess.Popen(recipe.command(), cwd=recipe.caller_dir, **options)


def wait_for_log(recipe, text):
    log = recipe.folder / "data/log/stage3_training.log"
    wait_until(lambda: log.exists() and text in log.read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("child", ["graceful", "plain"])
def test_signal_ends_the_child_and_leaves_no_marker(one_stage, number, child):
    functions = GRACEFUL
    if child == "plain":
        functions = "train() { echo $BASHPID > worker; echo started; exec sleep 60; }"
    recipe = one_stage("-- train", functions)
    process = start(recipe, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for_log(recipe, "\nstarted\n")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    assert stderr == (
        f"run.sh: error: stage 3 (Training) stopped by {number.name}; "
        "its log: data/log/stage3_training.log\n"
    )
    assert ("checkpoint saved\n" in stdout) == (child == "graceful")
    assert not is_alive(int(recipe.read("worker")))
    assert markers(recipe) == []

    result = one_stage("-- train", "train() { echo resumed; }").run()
    assert "stage 3 (Training): redone, not marked as finished\n" in result.stdout
    assert done(result) == [3]


def test_ctrl_c_on_a_terminal(one_stage):
    recipe = one_stage("-- train", GRACEFUL)
    ours, theirs = os.openpty()
    process = start(
        recipe,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    wait_for_log(recipe, "\nstarted\n")
    os.write(ours, b"\x03")
    assert process.wait(timeout=PATIENCE) == 130
    os.close(ours)
    assert "\ncheckpoint saved\n" in recipe.read("data/log/stage3_training.log")
    assert not is_alive(int(recipe.read("worker")))
    assert markers(recipe) == []


# ---- paths the user gives ----

RESOLVE = HEAD + 'resolve_path corpus_dir --corpus-dir\necho "$corpus_dir"\n'


@pytest.fixture
def resolving(recipe):
    recipe.write("run.sh", RESOLVE)
    recipe.write("conf/train.yaml", "")
    (recipe.caller_dir / "my corpus").mkdir()
    (recipe.folder / "my corpus").mkdir()
    return recipe


def test_path_is_looked_for_where_the_user_stood_first(resolving):
    result = resolving.run("--corpus-dir", "my corpus")
    assert result.stdout == f"{resolving.caller_dir}/my corpus\n"
    result = resolving.run("--corpus-dir", "../the egs/my corpus/")
    assert result.stdout == f"{resolving.caller_dir}/my corpus\n"
    result = resolving.run("--corpus-dir", str(resolving.folder / "my corpus"))
    assert result.stdout == f"{resolving.folder}/my corpus\n"


def test_path_is_looked_for_in_the_recipe_next(resolving):
    result = resolving.run("--corpus-dir", "conf")
    assert result.stdout == f"{resolving.folder}/conf\n"


def test_default_path_is_the_one_of_the_recipe(resolving):
    resolving.write("run.sh", RESOLVE.replace("corpus_dir=\n", "corpus_dir='my corpus'\n"))
    assert resolving.run().stdout == f"{resolving.folder}/my corpus\n"


def test_missing_path_is_one_line(resolving):
    here, there = resolving.caller_dir, resolving.folder
    result = resolving.run("--corpus-dir", "../no where")
    assert result.returncode == 2
    assert result.stderr == (
        "run.sh: error: --corpus-dir ../no where: no such file or folder "
        f"(looked in {here} and {there})\n"
    )
    result = resolving.run()
    assert result.returncode == 2
    assert result.stderr == "run.sh: error: --corpus-dir is empty, a path is needed\n"
