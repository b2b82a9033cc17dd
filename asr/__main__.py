"""`python -m asr` is the `asr` command."""

import sys

from asr.cli.main import main

sys.exit(main())
