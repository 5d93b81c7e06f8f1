"""How a worker ends: at once, with a code that says why."""

from __future__ import annotations

import logging
import os

BAD_USE, FAILED, DEAD, STUCK, AGAIN = 2, 70, 71, 75, 76
"""Exit codes: settings or a checkpoint that do not fit, an error of ours, too many dead records, no progress
although records wait, a Redis that is back with checkpoints that were not read."""


def leave(code: int) -> None:
    """End the process at once: nothing that is not in a checkpoint may be trusted."""
    logging.shutdown()
    os._exit(code)
