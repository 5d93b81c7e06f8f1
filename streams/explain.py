"""`vigie explain`: why there is, or is not, an alert about a hashtag, an account, a link or a text."""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.accounts import automation
from detectors.alerts import instant
from detectors.events import Profile
from detectors.findings import author_of
from detectors.links import normalise_link
from detectors.text import MIN_FOLDED, fingerprint, read_entities
from streams.embedded import Settings
from streams.stores.sqlite import JudgedRow, Store

KINDS = ("hashtag", "account", "link", "text")
MINUTE_MS = 60_000
_NETWORK_MINUTES = 24 * 60
"""How far back a finding about a link is looked for: networks are judged when they grow."""
Answer = dict[str, Any]


def explain(store: Store, settings: Settings, kind: str, value: str, at_ms: int) -> Answer:
    """Answer for one subject at one moment.

    Returns
    -------
    dict
        ``verdict`` (one sentence), ``counted``, ``findings`` (each with all rules: needed, measured, state)
        and, for an account, ``automation``.
    """
    answer: Answer = {"kind": kind, "value": value, "at": instant(at_ms), "findings": [], "counted": {}}
    return _KINDS[kind](store, settings, value, at_ms, answer)


def _hashtag(store: Store, settings: Settings, value: str, at_ms: int, answer: Answer) -> Answer:
    name = value.lstrip("#＃").casefold()
    window = settings.hashtags.long_window_minutes
    posts, _ = store.counted("hashtag", name, at_ms - window * MINUTE_MS, at_ms)
    answer["counted"] = {"posts": posts, "minutes": window}
    rows = _recent(store.judged("hashtag", name, at_ms), at_ms, window)
    return _conclude(
        answer,
        rows,
        f"Not enough data: {posts} posts with #{name} in the {window} minutes before, and it never had "
        f"{settings.hashtags.min_accounts} accounts in them, from which a hashtag is judged."
        if posts
        else f"Nothing was counted: no post with #{name} in the {window} minutes before.",
    )


def _text(store: Store, settings: Settings, value: str, at_ms: int, answer: Answer) -> Answer:
    window = settings.near_duplicates.window_minutes
    print_ = fingerprint(read_entities(value), value)
    if not print_.key:
        answer["verdict"] = (
            f"Not judged: after folding fewer than {MIN_FOLDED} characters are left, too few to say anything."
        )
        return answer
    posts, _ = store.counted("text", f"{print_.key:016x}", at_ms - window * MINUTE_MS, at_ms)
    answer["counted"] = {"posts": posts, "minutes": window, "folded": print_.folded or None}
    rows = _recent(store.findings(store.findings_of_text(print_.key), at_ms), at_ms, window)
    least = settings.near_duplicates.min_accounts
    return _conclude(
        answer,
        rows,
        f"Not enough data: {posts} posts with this text in the {window} minutes before, and no {least} "
        "accounts with it or one that resembles it, beyond what chance gives."
        if posts
        else f"Nothing was counted: no post with this text in the {window} minutes before.",
    )


def _account(store: Store, settings: Settings, value: str, at_ms: int, answer: Answer) -> Answer:
    known = list(store.accounts_named(value))
    keys = [account for account, *_ in known] or store.accounts_with_id(value)
    if not keys:
        answer["verdict"] = f"Nothing was counted: no post by an account with the id or handle {value!r}."
        return answer
    posts = sum(store.counted("account", key, 0, at_ms)[0] for key in keys)
    reposts = sum(store.counted("reposts", key, 0, at_ms)[0] for key in keys)
    hours = sum(store.hours_seen(key, at_ms) for key in keys)
    answer["counted"] = {
        "posts": posts,
        "posts_per_hour": round(posts / hours, 2) if hours else None,
        "repost_share": round(reposts / posts, 4) if posts else None,
        "ids": [author_of(key) for key in keys],
    }
    answer["automation"] = [_automation(key, observed, profile) for key, observed, _, profile in known]
    findings = [finding for key in keys for finding in store.findings_of_account(key)]
    rows = store.findings(findings, at_ms)
    return _conclude(
        answer,
        rows,
        f"{posts} posts counted, and the account takes part in no finding.",
    )


def _link(store: Store, settings: Settings, value: str, at_ms: int, answer: Answer) -> Answer:
    link = normalise_link(value)
    window = settings.rising.slot_minutes
    posts, _ = store.counted("link", link, at_ms - window * MINUTE_MS, at_ms)
    answer["counted"] = {"posts": posts, "minutes": window, "link": link}
    rows = _recent(store.judged("link", link, at_ms), at_ms, _NETWORK_MINUTES)
    return _conclude(
        answer,
        rows,
        f"No finding: {posts} posts with this link in the {window} minutes before. A link is judged when it "
        f"rises from nothing ({settings.rising.min_posts} posts by {settings.rising.min_accounts} accounts "
        f"in {window} minutes, and many times its usual share), and as what a network of accounts shares. "
        "The words beside it are judged apart: `vigie explain text`."
        if posts
        else f"Nothing was counted: no post with this link in the {window} minutes before.",
    )


_KINDS = {"hashtag": _hashtag, "text": _text, "account": _account, "link": _link}


_OWN = {"hashtag": "hashtags", "text": "near_duplicates"}
"""The detector that judges a kind of subject."""


def _automation(account: str, observed_ms: int, profile: Profile) -> Answer:
    row = np.array([automation.features(profile, observed_ms)])
    score = float(automation.score(row)[0])
    parts = [
        {"feature": name, "value": None if np.isnan(number) else round(number, 4), "log_odds": round(odds, 4)}
        for name, number, odds in automation.contributions(row[0])
        if odds
    ]
    return {
        "score": None if np.isnan(score) else round(score, 3),
        "id": author_of(account),
        "handle": profile.handle,
        "contributions": parts,
        "note": "A weak sign of the profile's numbers; it proves nothing about this account.",
    }


def _recent(rows: list[JudgedRow], at_ms: int, minutes: int) -> list[JudgedRow]:
    """The newest judgement of each finding within the window."""
    newest: dict[str, JudgedRow] = {}
    for row in rows:
        if at_ms - row.tick_ms <= minutes * MINUTE_MS:
            newest.setdefault(row.finding_id, row)
    return list(newest.values())


def _conclude(answer: Answer, rows: list[JudgedRow], nothing: str) -> Answer:
    # What was said of the subject itself comes before what merely carries it.
    own = [row for row in rows if row.detector == _OWN.get(answer["kind"], row.detector)]
    rest = sorted((row for row in rows if row not in own), key=lambda row: -row.score)
    answer["findings"] = [_finding(row) for row in (*own, *rest)]
    if not rows:
        answer["verdict"] = nothing
        return answer
    best = max(own or rows, key=lambda row: row.score)
    if best.body["open"]:
        answer["verdict"] = "No alert: the accounts declare what they are; shown apart as open coordination."
    elif best.severity in ("warning", "critical"):
        answer["verdict"] = f"Alerted at {best.severity}, score {best.score}."
    elif best.severity == "notice":
        answer["verdict"] = (
            f"A notice only, score {best.score}: a warning needs 40. The rules that were not met say why."
        )
    else:
        answer["verdict"] = f"No alert, score {best.score}: a notice needs 20, a warning 40."
    return answer


def _finding(row: JudgedRow) -> Answer:
    body = row.body
    return {
        "finding_id": row.finding_id,
        "detector": row.detector,
        "judged_at": instant(row.tick_ms),
        "score": row.score,
        "severity": row.severity,
        "accounts": body["accounts"],
        "posts": body["posts"],
        "template": body["template"],
        "evidence": body["evidence"],
        "rules": body["checks"],
        "post_ids": body["post_ids"],
    }
