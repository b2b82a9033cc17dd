"""`python -m asr` is the `asr` command."""

import sys

from asr.orphans import watch_launcher

watch_launcher()

from asr.cli.main import main  # noqa: E402 - slow; what started this process may end meanwhile

sys.exit(main())
