"""Everything that the page shows of one case, with where each figure comes from."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from detectors.alerts import instant
from detectors.events import moment_ms
from detectors.findings import author_of, platform_of, post_key
from streams.console import addresses
from streams.console.board import Board
from streams.console.evidence import Evidence
from streams.console.known import KnownCase
from streams.console.network import network
from streams.console.origins import origins
from streams.console.timeline import timeline

_SHOWN_FINDINGS = 100
_SHOWN_POSTS = 200
_SHOWN_TARGETS = 50
_SLOT = re.compile(r"\{@?[a-z]+\}")


def case_page(case: KnownCase, board: Board, evidence: Evidence | None) -> dict[str, Any]:
    """What `GET /api/cases/ID` answers; `evidence` is what the store has of it, if there is one."""
    data = case.data
    findings = data["findings"]
    start_ms, end_ms = (moment_ms(data["window"][name]) for name in ("start", "end"))
    times_ms, newest = _stored(evidence) if evidence is not None and evidence.posts else _told(case)
    revisions = [case.revisions[number] for number in sorted(case.revisions)]
    return {
        "row": case.row,
        "alert": data
        | {
            "findings": findings[:_SHOWN_FINDINGS],
            "findings_total": len(findings),
            "subjects": [case.shown(one) for one in data["subjects"]],
        },
        "revisions": revisions,
        "timeline": timeline(times_ms, start_ms, end_ms, revisions, findings),
        "posts": newest,
        "posts_known": len(times_ms),
        "posts_whole": evidence is not None and bool(evidence.posts) and evidence.whole,
        "template": _template(findings),
        "traits": data["traits"],
        "targets": _targets(findings, evidence),
        "network": network(case, findings),
        "earlier": [_earlier(name, board) for name in data["related"]["earlier"]],
        "fate": data.get("fate"),
        "has_fates": evidence is not None and evidence.has_fates,
        "not_proved": {
            language: [sentence[language] for sentence in data["not_proved"]] for language in ("en", "fr")
        },
        "coverage": data["coverage"],
        "disarm": data["disarm"],
        "sources": origins(evidence.origin if evidence is not None else "alerts"),
    }


def _told(case: KnownCase) -> tuple[list[int], list[dict[str, Any]]]:
    """When all posts were that the alerts name, and the newest of them."""
    posts = sorted(case.posts.items(), key=lambda one: (one[1], one[0]))
    unknown = dict.fromkeys(("handle", "kind", "url", "fate"))
    newest = [
        {"id": post_id, "author_id": author_id, "account": author_id, "created_at": instant(at_ms)} | unknown
        for (author_id, post_id), at_ms in posts[-_SHOWN_POSTS:]
    ]
    return [at_ms for _, at_ms in posts], newest


def _stored(evidence: Evidence) -> tuple[list[int], list[dict[str, Any]]]:
    """When all posts were that the store has, and the newest of them."""
    return [post.time_ms for post in evidence.posts], [
        {
            "id": post.id,
            "author_id": author_of(post.account),
            "account": f"{platform_of(post.account)}:{author_of(post.account)}",
            "handle": evidence.handle(post.account),
            "created_at": instant(post.time_ms),
            "kind": post.kind,
            "url": addresses.of_post(post.account, post.id),
            "fate": "erased" if post_key(platform_of(post.account), post.id) in evidence.erased else None,
        }
        for post in evidence.posts[-_SHOWN_POSTS:]
    ]


def _template(findings: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The text of the strongest group of copies, and the places in it that differ from copy to copy."""
    text = next((finding["template"] for finding in findings if finding["template"]), None)
    return None if text is None else {"text": text, "slots": sorted(set(_SLOT.findall(text)))}


def _targets(findings: list[dict[str, Any]], evidence: Evidence | None) -> list[dict[str, Any]]:
    """Whom the posts name, by how many accounts of one finding at most."""
    most: dict[str, int] = {}
    for finding in findings:
        for target in finding["targets"]:
            most[target["value"]] = max(most.get(target["value"], 0), target["accounts"])
    posts = (
        Counter(name for post in evidence.posts for name in post.targets) if evidence is not None else None
    )
    return [
        {
            "value": value,
            "handle": None if evidence is None else evidence.handles.get(value),
            "accounts": accounts,
            "posts": None if posts is None else posts[value],
        }
        for value, accounts in sorted(most.items(), key=lambda one: (-one[1], one[0]))[:_SHOWN_TARGETS]
    ]


def _earlier(case_id: str, board: Board) -> dict[str, Any]:
    before = board.case(case_id)
    return {"case_id": case_id, "summary": before.row["summary"] if before is not None else None}
