"""A packed bundle is used as its folder is; what no bundle holds is refused and leaves nothing."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

import asr
from asr.archives import unpacked
from asr.bundle import load_bundle
from asr.cli.main import COMMANDS, cli, main
from asr.cli.options import BundlePath
from asr.errors import UserError
from asr.lm.saved import load_neural_lm
from tests.decoding_kit import DecodingKit


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """What unpacking takes for a bundle."""
    folder = tmp_path / "exp" / "small" / "bundle"
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "bundle.json").write_text('{"format_version": 1}')
    (folder / "weights.pt").write_bytes(os.urandom(50_000))
    (folder / "tokenizer" / "tokenizer.json").write_text("{}")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


FORMS: dict[str, tuple[str, str, int]] = {
    "as stage 7 packs": ("model.tar.gz", "bundle", tarfile.PAX_FORMAT),
    "not compressed": ("model.tar", "bundle", tarfile.PAX_FORMAT),
    "its files alone": ("model.tgz", ".", tarfile.GNU_FORMAT),
    "with the way to it": ("model.tar.gz", "./exp/small/bundle", tarfile.USTAR_FORMAT),
    "by a long way": ("model.tar.gz", f"{'long' * 30}/{'way' * 30}", tarfile.GNU_FORMAT),
    "under any name": ("model", "bundle", tarfile.PAX_FORMAT),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_archive_gives_the_folder(small: Path, tmp_path: Path, form: str) -> None:
    name, arcname, kind = FORMS[form]
    archive = tmp_path / name
    mode = "w" if name.endswith(".tar") else "w:gz"
    with tarfile.open(archive, mode, format=kind) as tar:  # type: ignore[call-overload]
        tar.add(small, arcname)
        for left_by_a_mac in (f"{arcname}/._bundle.json", "__MACOSX/._bundle.json"):
            tar.addfile(tarfile.TarInfo(left_by_a_mac))
    told: list[str] = []
    folder = unpacked(archive, tell=told.append)
    assert contents(folder) == contents(small)
    assert (folder.name, folder.parent.name) == ("bundle", "model")  # an experiment's name, as ever
    assert told == [f"{archive}: unpacked into {folder}"]


def test_a_folder_and_what_is_missing_are_left_to_the_loader(small: Path, tmp_path: Path) -> None:
    assert unpacked(small) == small
    assert unpacked(tmp_path / "none") == tmp_path / "none"


def test_it_is_unpacked_once_and_again_where_something_is_missing(
    small: Path, tmp_path: Path, cache: Path
) -> None:
    archive = pack(small, tmp_path / "a.tar.gz")
    told: list[str] = []
    folder = unpacked(archive, tell=told.append)
    before = (folder / "weights.pt").stat().st_ino
    assert unpacked(archive, tell=told.append) == folder
    assert ((folder / "weights.pt").stat().st_ino, len(told)) == (before, 1)
    (folder / "weights.pt").unlink()
    assert unpacked(archive, tell=told.append) == folder
    assert contents(folder) == contents(small)
    (small / "weights.pt").write_bytes(b"another model")
    other = unpacked(pack(small, tmp_path / "a.tar.gz"), tell=told.append)
    assert other != folder
    assert (other / "weights.pt").read_bytes() == b"another model"
    assert len(told) == 3
    assert not list(cache.rglob(".*"))


def test_without_a_cache_it_goes_to_a_folder_of_the_process(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "below"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = unpacked(pack(small, tmp_path / "a.tar"))
    assert contents(folder) == contents(small)
    assert folder.is_relative_to(tmp_path)


def pack(bundle: Path, archive: Path) -> Path:
    mode = "w" if archive.suffix == ".tar" else "w:gz"
    with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
        tar.add(bundle, "bundle")
    return archive


def member(name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "", size: int = 0):  # type: ignore[no-untyped-def]
    """Return what adds one more member to an archive that holds a bundle."""

    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, linkname, size
        tar.addfile(info, Zeros(size) if size else None)

    return add


class Zeros(io.RawIOBase):
    def __init__(self, size: int) -> None:
        self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def,override]
        size = min(len(buffer), self.left)
        buffer[:size] = bytes(size)
        self.left -= size
        return size


NEVER_IN_A_BUNDLE: dict[str, tuple[Callable[[tarfile.TarFile], None], str]] = {
    "above it": (member("bundle/../../marker"), "'bundle/../../marker' leads out of it"),
    "from the root": (member("{tmp}/marker"), "leads out of it"),
    "a link": (member("bundle/x", tarfile.SYMTYPE, "../../marker"), "neither a file nor a folder"),
    "a link within": (member("bundle/x", tarfile.SYMTYPE, "weights.pt"), "neither a file nor"),
    "a hard link": (member("bundle/x", tarfile.LNKTYPE, "bundle/weights.pt"), "neither a file nor"),
    "a pipe": (member("bundle/x", tarfile.FIFOTYPE), "neither a file nor a folder"),
    "a device": (member("bundle/x", tarfile.CHRTYPE), "neither a file nor a folder"),
    "a name twice": (member("bundle/weights.pt"), "stands twice"),
    "a file as folder": (member("bundle/weights.pt/x"), "cannot be written"),
    "another bundle": (member("other/bundle.json"), "several bundles: bundle, other"),
    "nothing but zeros": (member("bundle/x", size=96 << 20), "far more than a model's file can"),
}


@pytest.mark.parametrize("what", NEVER_IN_A_BUNDLE)
def test_what_no_bundle_holds_is_refused_and_leaves_nothing(
    small: Path, tmp_path: Path, cache: Path, what: str
) -> None:
    add, message = NEVER_IN_A_BUNDLE[what]
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(small, "bundle")
        if what == "from the root":
            add = member(str(tmp_path / "marker"))
        add(tar)
    with pytest.raises(UserError, match=message) as caught:
        unpacked(archive)
    assert str(caught.value).startswith(str(archive)) or "cannot be written" in message
    assert not list(tmp_path.rglob("marker"))
    assert not contents(cache)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return data[:20_000] + bytes([data[20_000] ^ 1]) + data[20_001:]


def wrong_sum(data: bytes) -> bytes:
    return data[:-8] + b"\0\0\0\0" + data[-4:]


@pytest.mark.parametrize("damage", [cut, flipped, wrong_sum])
def test_a_damaged_archive_is_told_and_leaves_nothing(
    small: Path, tmp_path: Path, cache: Path, damage: Callable[[bytes], bytes]
) -> None:
    archive = pack(small, tmp_path / "model.tar.gz")
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(UserError, match=r"model\.tar\.gz: is no whole .*Fetch it again"):
        unpacked(archive)
    assert not contents(cache)


def others(small: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as packed:
        packed.write(small / "bundle.json", "bundle/bundle.json")
    yield tmp_path / "model.zip", "neither a bundle's folder nor"
    yield small / "weights.pt", "neither a bundle's folder nor"
    (tmp_path / "empty").touch()
    yield tmp_path / "empty", "neither a bundle's folder nor"
    yield pack(small / "tokenizer", tmp_path / "tokenizer.tar.gz"), "holds no bundle"


def test_other_files_are_told_from_archives(small: Path, tmp_path: Path) -> None:
    for path, message in others(small, tmp_path):
        with pytest.raises(UserError, match=message):
            unpacked(path)


def test_python_and_commands_take_a_packed_bundle(
    decoding_kit: DecodingKit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    speech = decoding_kit.corpus.root / "wav" / "test-000.wav"
    expected = asr.load(str(decoding_kit.bundle)).transcribe(speech).text
    assert expected
    archive = pack(decoding_kit.bundle, tmp_path / "tones.tar.gz")
    assert asr.load(str(archive)).transcribe(speech).text == expected
    capsys.readouterr()
    assert main(["transcribe", "--bundle", str(archive), str(speech)]) == 0
    told = capsys.readouterr()
    assert (told.out.strip(), "unpacked" in told.err) == (expected, False)
    cuts = ["--cuts", str(decoding_kit.corpus.dev_cuts)]
    again = ["export", "--bundle", str(archive), *cuts, "--output", str(tmp_path / "b.tar.gz")]
    assert main(again) == 0
    assert main(["transcribe", "--bundle", str(tmp_path / "b.tar.gz"), str(speech)]) == 0
    told = capsys.readouterr()
    assert told.out.strip().endswith(expected)
    assert f"{tmp_path / 'b.tar.gz'}: unpacked into " in told.err


def test_a_packed_language_model_is_loaded(decoding_kit: DecodingKit, tmp_path: Path) -> None:
    tokenizer = load_bundle(decoding_kit.bundle).tokenizer
    archive = pack(decoding_kit.neural_lm, tmp_path / "lm.tar.gz")
    assert load_neural_lm(archive, tokenizer)
    with pytest.raises(UserError, match=r"no bundle here \(bundle\.json is missing\)"):
        load_bundle(archive)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_bundle_of_the_command_line_may_be_packed(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    for parameter in command.params:
        if parameter.name == "bundle":
            assert isinstance(parameter.type, BundlePath)


def test_a_bundle_tells_the_toolkit_that_wrote_it(
    decoding_kit: DecodingKit, tmp_path: Path
) -> None:
    assert load_bundle(decoding_kit.bundle).toolkit_version == asr.__version__
    newer = Path(shutil.copytree(decoding_kit.bundle, tmp_path / "newer"))
    description = json.loads((newer / "bundle.json").read_text())
    changed = {**description, "toolkit_version": "9.8.7", "format_version": 99}
    (newer / "bundle.json").write_text(json.dumps(changed))
    with pytest.raises(UserError, match=r"format 99, written by toolkit 9\.8\.7; this toolkit, "):
        load_bundle(newer)
