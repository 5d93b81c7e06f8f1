"""Vigie's detection: posts in, findings out. Pure: no clock, no input or output, no network."""

__version__ = "0.1.0"
