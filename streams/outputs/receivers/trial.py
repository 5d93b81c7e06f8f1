"""An alert that is none: to see whether a receiver gets what it is sent, before the night."""

from __future__ import annotations

from detectors import __version__
from detectors.alerts import SCHEMA, TYPE, instant
from detectors.severity import Severity
from streams.outputs.alert import Alert

_SAID = {
    "en": "TEST: this is no alert. Somebody asked whether this receiver is reached; nothing is to be done.",
    "fr": "TEST : ceci n'est pas une alerte. Quelqu'un vérifie que ce destinataire est joint ; rien à faire.",
}
_NONE = "0" * 12
_NOT_PROVED = {"en": "A test proves nothing.", "fr": "Un essai ne prouve rien."}


def trial_alert(severity: Severity, now_ms: int) -> Alert:
    """An alert that says of itself that it is a test, of a case that no other test has.

    >>> trial_alert("warning", 1_650_000_000_000)["id"]
    'c000001802ba9f400.1'
    """
    now = instant(now_ms)
    post = {"id": "test", "author_id": "test", "created_at": now}
    subject = {"kind": "hashtag", "value": "vigietest"}
    case_id = f"c{now_ms:016x}"
    return {
        "specversion": "1.0",
        "id": f"{case_id}.1",
        "type": TYPE,
        "source": "vigie/test",
        "subject": "hashtag:vigietest",
        "time": now,
        "dataschema": SCHEMA,
        "datacontenttype": "application/json",
        "data": {
            "case_id": case_id,
            "revision": 1,
            "status": "open",
            "severity": severity,
            "score": 0,
            "probability": None,
            "summary": _SAID,
            "reasons": [],
            "detectors": ["hashtags"],
            "subjects": [subject],
            "subjects_total": 1,
            "window": {"start": now, "end": now},
            "first_seen": now,
            "detected_at": now,
            "published_at": now,
            "group": {
                "accounts_total": 1,
                "posts_total": 1,
                "accounts": ["test"],
                "posts": [post],
                "listed": [],
            },
            "findings": [],
            "traits": [],
            "related": {"merged_into": None, "split_from": None, "earlier": []},
            "fate": {"gone": 0, "suspended": 0, "returned": 0, "erased": 0, "accounts": 1, "posts": 1},
            "verdict": None,
            "coverage": {"sampling": None, "filter": None, "gaps": []},
            "relevance": {"points": 0, "names": []},
            "not_proved": [_NOT_PROVED],
            "disarm": [],
            "versions": {
                "vigie": __version__,
                "config": _NONE,
                "lists": _NONE,
                "watch": _NONE,
                "models": _NONE,
            },
        },
    }
