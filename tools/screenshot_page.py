"""Picture the server's page while it listens, on a desk and on a phone.

python -m tools.screenshot_page --bundle BUNDLE --output-dir docs/images A.wav B.wav …
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from tools.page_browser import listening_browser, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VIEWS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 860, "height": 600}},
    "phone": {
        "viewport": {"width": 360, "height": 680},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
        "color_scheme": "dark",
    },
}
SPEAKING = """(letters) =>
  document.querySelector("#stable").textContent.trim()
  && document.querySelector("#unstable").textContent.trim()
  && document.querySelector("#partial .text").textContent.length > letters"""
LETTERS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], help="as in asr serve")
    parser.add_argument(
        "recordings", type=Path, nargs="+", help="opened one after another, the last one spoken"
    )
    options = parser.parse_args()
    options.output_dir.mkdir(parents=True, exist_ok=True)
    server_options = [part for override in options.set for part in ("--set", override)]
    *opened, spoken = options.recordings
    with (
        running_server(options.bundle, *server_options) as address,
        listening_browser(spoken) as browser,
    ):
        for view in VIEWS:
            path = options.output_dir / f"page_{view}.png"
            picture(browser, address, view, opened, path)
            print(path)


def picture(browser: Browser, address: str, view: str, opened: list[Path], path: Path) -> None:
    """Let a page read files, then listen; picture it while it does."""
    page = browser.new_context(**VIEWS[view]).new_page()
    page.goto(address)
    for recording in opened:
        page.set_input_files("#file", recording)
        page.wait_for_selector("body:not([data-state=idle])")
        page.wait_for_selector("body[data-state=idle]")
    page.click("#start")
    page.wait_for_function(SPEAKING, arg=LETTERS, polling=20)
    if view == "phone":
        page.tap("#segments .word.low >> nth=-1")
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    page.close()


if __name__ == "__main__":
    main()
