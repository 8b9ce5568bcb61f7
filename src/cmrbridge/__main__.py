"""``python -m cmrbridge``."""

import sys

from cmrbridge.cli import main

sys.exit(main())
