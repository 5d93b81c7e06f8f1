"""A command of `vigie` that writes at its end how much memory it held.

    python -m streams.evaluating.replaying PEAK replay posts.jsonl …

The process must say so itself: what its parent is told (`ru_maxrss`) may be the parent's own memory.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from streams.cli import main

_STATUS = Path("/proc/self/status")


def peak_bytes() -> int | None:
    """The most memory that this process held; None where the system does not tell (it is Linux's)."""
    if not _STATUS.exists():
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii", errors="replace"))
    return int(found[1]) * 1024 if found else None


if __name__ == "__main__":
    code = main(sys.argv[2:])
    Path(sys.argv[1]).write_text(str(peak_bytes() or ""), encoding="ascii")
    sys.exit(code)
