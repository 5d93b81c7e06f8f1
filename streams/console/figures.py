"""The figures of the health page: their names in both languages, and their units."""

from __future__ import annotations

from typing import Any

from detectors.rules.sentences import NBSP

Figure = dict[str, Any]
_FIGURES = {
    "rate": ("posts a second", "messages par seconde", "1/s"),
    "processed": ("posts taken in", "messages traités", ""),
    "lag": ("records that wait", "enregistrements en attente", ""),
    "latency_p50": ("from post to alert, median", "du message à l'alerte, médiane", "s"),
    "latency_p99": ("from post to alert, 99 %", f"du message à l'alerte, 99{NBSP}%", "s"),
    "watermark_delay": ("event time behind the clock", "retard du temps des messages", "s"),
    "late": ("posts too late", "messages trop tardifs", ""),
    "dead_letters": ("records refused", "enregistrements refusés", ""),
    "canary_delay": ("canary through all stages", "canari à travers toutes les étapes", "s"),
    "forgotten": ("forgotten for want of room", "oubliés faute de place", ""),
}


def figure(name: str, value: float | None) -> Figure:
    """One figure; None where it is not known here.

    >>> figure("late", 3)
    {'name': 'late', 'label': {'en': 'posts too late', 'fr': 'messages trop tardifs'}, 'value': 3, 'unit': ''}
    """
    english, french, unit = _FIGURES[name]
    return {"name": name, "label": {"en": english, "fr": french}, "value": value, "unit": unit}
