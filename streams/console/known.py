"""What the console knows of one case: what its alerts said, packed, so that hundreds of cases cost little."""

from __future__ import annotations

from copy import copy
from itertools import islice
from typing import Any

import orjson

from detectors.events import moment_ms
from detectors.forgetting import forget_oldest
from streams.console.minutes import Minutes
from streams.outputs.alert import Alert

MOST_FINDINGS, MOST_POSTS, MOST_REVISIONS = 500, 2000, 1000
"""Of one case; the oldest go first, and are counted."""
_SHOWN_SUBJECTS = 5


class KnownCase:
    """One case, as the alerts so far have told it."""

    def __init__(self, case_id: str) -> None:
        self.case_id = case_id
        self.evicted = 0
        self.revision = 0
        self.time = ""
        """Event time of the newest revision."""
        self.posts: dict[tuple[str, str], int] = {}
        """Time of every post that any revision named, by author and id."""
        self.minutes = Minutes()
        self.revisions: dict[int, dict[str, Any]] = {}
        self.templates: dict[str, str] = {}
        """Texts of the groups of copies, by the id under which they are a subject."""
        self.breaches: dict[str, dict[str, Any]] = {}
        """Payers that promoted posts in it although a list bans them, by finding."""
        self.pushed: dict[str, dict[str, Any]] = {}
        """What accounts on the room's lists push in it, by finding."""
        self.gaps: list[dict[str, str]] = []
        """Times in its window of which posts are missing."""
        self.row: dict[str, Any] = {}
        self.packed_row = b""
        self._newest = b""
        self._findings: dict[str, bytes] = {}

    def snapshot(self) -> KnownCase:
        """The case as it is now, to be read while more comes in."""
        one = copy(self)
        one.posts, one.revisions = dict(self.posts), dict(self.revisions)
        one.templates, one._findings = dict(self.templates), dict(self._findings)
        return one

    @property
    def data(self) -> dict[str, Any]:
        """The newest revision's data, with the newest state of each finding, the strongest first."""
        data: dict[str, Any] = orjson.loads(self._newest)["data"]
        findings = [orjson.loads(packed) for packed in self._findings.values()]
        data["findings"] = sorted(findings, key=lambda one: (-one["score"], one["finding_id"]))
        return data

    @property
    def newest(self) -> bytes:
        """The newest alert as it came, but for its findings."""
        return self._newest

    def finding_ids(self) -> list[str]:
        """All findings that are known."""
        return list(self._findings)

    def take(self, alert: Alert) -> bool:
        """Take in one revision; returns whether it said anything new."""
        data = alert["data"]
        revision = int(data["revision"])
        if revision in self.revisions:
            return False
        self.revisions[revision] = _short(alert)
        is_newest = revision > self.revision
        for finding in data["findings"]:
            self._learn(finding, is_newest)
        known = len(self.posts)
        for named in (data["group"], *data["findings"]):
            for post in named["posts"]:
                self.posts[post["author_id"], post["id"]] = moment_ms(post["created_at"])
        first_named = list(islice(self.posts.values(), known, None))
        self.evicted += forget_oldest(self._findings, MOST_FINDINGS).evicted
        self.evicted += forget_oldest(self.posts, MOST_POSTS).evicted
        self.evicted += forget_oldest(self.revisions, MOST_REVISIONS).evicted
        if is_newest:
            self.revision, self.time = revision, alert["time"]
            self.gaps = data["coverage"]["gaps"]
            start_ms, end_ms = (moment_ms(data["window"][name]) for name in ("start", "end"))
            total = data["group"]["posts_total"]
            self.minutes = self.minutes.grown(start_ms, end_ms, total, first_named)
            self._newest = orjson.dumps(alert | {"data": data | {"findings": []}})
            self.row = self._row(data)
            self.packed_row = orjson.dumps(self.row)
        return True

    def _learn(self, finding: dict[str, Any], is_newest: bool) -> None:
        name = finding["finding_id"]
        if is_newest or name not in self._findings:
            self._findings.pop(name, None)
            self._findings[name] = orjson.dumps(finding)
        if finding["detector"] == "listed":
            self.pushed[name] = finding["subjects"][0] | {
                "share": finding["evidence"].get("listed_share") or 0,
                "accounts": finding["accounts_total"],
                "posts": finding["posts_total"],
                "ratio": finding["evidence"].get("ratio"),
            }
        if finding["evidence"].get("banned_ms") and finding["subjects"][0]["kind"] == "payer":
            self.breaches[name] = finding | {"posts": [], "accounts": []}
        if finding["template"]:
            texts = [one["value"] for one in finding["subjects"][:1] if one["kind"] == "text"]
            self.templates |= dict.fromkeys(texts, finding["template"])
            forget_oldest(self.templates, MOST_FINDINGS)

    def _row(self, data: dict[str, Any]) -> dict[str, Any]:
        relevance = data.get("relevance", {})  # alerts of earlier versions have none
        same = ("case_id", "revision", "status", "severity", "score", "summary", "detectors", "window")
        return {name: data[name] for name in same} | {
            "relevance": relevance.get("points"),
            "watched": relevance.get("names", []),
            "subjects": [self.shown(one) for one in data["subjects"][:_SHOWN_SUBJECTS]],
            "accounts": data["group"]["accounts_total"],
            "posts": data["group"]["posts_total"],
            "first_seen": data["first_seen"],
            "changed": self.time,
            "minutes": self.minutes.counts,
            "verdict": data["verdict"],
        }

    def shown(self, subject: dict[str, str]) -> dict[str, str]:
        """A subject with what to show of it: of a group of copies its text."""
        value = subject["value"]
        shown = self.templates.get(value, value) if subject["kind"] == "text" else value
        return {"kind": subject["kind"], "value": value, "shown": shown}


def _short(alert: Alert) -> dict[str, Any]:
    data = alert["data"]
    same = ("revision", "status", "severity", "score", "summary")
    return {name: data[name] for name in same} | {"time": alert["time"]}
