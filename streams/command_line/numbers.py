"""Numbers on the command line, with a sentence that says which are meant."""

from __future__ import annotations

import argparse
import contextlib
import sys

from detectors.groups.exact_co_sharing import MAX_WINDOW_MS


def not_negative(text: str) -> float:
    """A number, 0 or more."""
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(text)) < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number, 0 or more")


def window(text: str) -> float:
    """Seconds, up to a year."""
    most = MAX_WINDOW_MS // 1000
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(text)) <= most:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 to {most} (a year)")


def positive(text: str) -> float:
    """A number above 0."""
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def _whole(text: str, least: int, most: int, wanted: str) -> int:
    with contextlib.suppress(ValueError):
        if least <= (value := int(text)) <= most:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")


def positive_int(text: str) -> int:
    """A whole number, 1 or more."""
    return _whole(text, 1, sys.maxsize, "a whole number, 1 or more")


def seed(text: str) -> int:
    """A whole number, 0 or more."""
    return _whole(text, 0, sys.maxsize, "a whole number, 0 or more")


def port(text: str) -> int:
    """A port."""
    return _whole(text, 1, 65535, "a port, 1 to 65535")
