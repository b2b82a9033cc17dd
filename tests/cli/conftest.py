"""What tests of the commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.mistakes import MistakeKit
from tests.decoding_kit import DecodingKit
from tests.scoring.conftest import make_decode  # noqa: F401 - a fixture for these tests as well


@pytest.fixture
def mistakes(
    decoding_kit: DecodingKit, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> MistakeKit:
    """Commands that would work, to be given what is wrong."""
    return MistakeKit(decoding_kit, tmp_path, capfd)
