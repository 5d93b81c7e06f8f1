"""Slack and Mattermost: what is news of a case, as a short message.

A chat is read by people: a case that grows is not told again each minute. Told are a new case, one that gets
worse, doubles or opens again, what an analyst says of it, and its end.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

from detectors.forgetting import forget_oldest
from detectors.rules.sentences import shortened
from streams.outputs.alert import Alert
from streams.outputs.case_words import STATUS, Language, colon, number, verdict_said
from streams.outputs.receivers.channel import ENDED, REMEMBERED, Message, console_link
from streams.outputs.receivers.harmless import harmless
from streams.outputs.receivers.settings import ReceiverSettings

_RANK = {"notice": 0, "warning": 1, "critical": 2}
_TAKEN_BACK = ("dismissed", "retracted")
_HEADERS = {"content-type": "application/json"}
_MARKDOWN = re.compile(r"([\\`*_~\[\]|])")
_LONGEST = 1000
_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "accounts": "accounts",
        "posts": "posts",
        "watched": "you watch",
        "into": "goes on as",
    },
    "fr": {
        "accounts": "comptes",
        "posts": "messages",
        "watched": "on surveille",
        "into": "continue dans",
    },
}


class _Told(NamedTuple):
    """What was last said of a case."""

    rank: int
    accounts: int
    verdict: dict[str, Any] | None
    ended: bool


class Chat:
    """Speaks to a chat."""

    def __init__(self, receiver: ReceiverSettings) -> None:
        self.url = receiver.url
        self._receiver = receiver
        self._told: dict[str, _Told] = {}

    def message(self, alert: Alert) -> Message | None:
        """A message in the words of the chat; None when there is no news."""
        data = alert["data"]
        now, before = _state(data), self._told.get(data["case_id"])
        if not _is_news(now, before, data["status"]):
            return None
        again = before is not None and not before.ended and now.rank <= before.rank
        lines = _lines(data, self._receiver.language, in_full=not (again or now.ended))
        return self._message(lines, console_link(self._receiver, data["case_id"]))

    def told(self, alert: Alert) -> None:
        """Keep in mind what was said."""
        case_id = alert["data"]["case_id"]
        self._told.pop(case_id, None)
        self._told[case_id] = _state(alert["data"])
        forget_oldest(self._told, REMEMBERED)

    def reminder(self) -> None:
        """People are not told twice."""

    def _message(self, lines: list[str], link: str) -> Message:
        lines = [shortened(harmless(line), _LONGEST) for line in lines]
        is_slack = self._receiver.format == "slack"
        lines = [line.replace("&", "&amp;") if is_slack else _MARKDOWN.sub(r"\\\1", line) for line in lines]
        body: dict[str, Any] = {"text": "\n".join([*lines, link] if link else lines)}
        if is_slack:  # without its own markup: a star or a backtick of a post is only that
            body |= {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
        return Message(orjson.dumps(body), _HEADERS)


def _state(data: dict[str, Any]) -> _Told:
    accounts: int = data["group"]["accounts_total"]
    return _Told(_RANK[data["severity"]], accounts, data["verdict"], data["status"] in ENDED)


def _is_news(now: _Told, before: _Told | None, status: str) -> bool:
    if before is None:  # of a case that nobody has seen, only that it is taken back can still matter
        return not now.ended or status in _TAKEN_BACK
    if now.ended or before.ended:
        return now.ended != before.ended or now.verdict != before.verdict
    return now.rank > before.rank or now.accounts >= 2 * before.accounts or now.verdict != before.verdict


def _lines(data: dict[str, Any], language: Language, *, in_full: bool) -> list[str]:
    words, group = _WORDS[language], data["group"]
    accounts, posts = (number(group[name], language) for name in ("accounts_total", "posts_total"))
    lines = [
        f"{data['severity'].upper()} · {STATUS[language][data['status']]} {data['case_id'][:9]} · "
        f"score {data['score']} · {accounts} {words['accounts']}, {posts} {words['posts']}",
        data["summary"][language],
    ]
    if data["verdict"] is not None:
        lines.append(verdict_said(data["verdict"], language))
    if into := data["related"]["merged_into"]:
        lines.append(f"{words['into']} {into[:9]}")
    if in_full:
        if watched := data.get("relevance", {}).get("names"):
            lines.append(f"{words['watched']}{colon(language)}{', '.join(watched)}")
        lines.append(" ".join(sentence[language] for sentence in data["not_proved"]))
    return lines
