"""`python -m asr` is the `asr` command."""

import sys

from asr.orphans import watch_launcher

watch_launcher()  # before the imports that take time

from asr.cli.main import main  # noqa: E402

sys.exit(main())
