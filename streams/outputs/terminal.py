"""Alerts as a person reads them in a terminal: what, who, why, which posts, and what it does not prove."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.outputs.case_words import (
    STATUS,
    Language,
    colon,
    fate_said,
    listed_said,
    moment,
    number,
    verdict_said,
)

_Row = tuple[str, str, str]
"""Label, content, style."""

_STYLES = {"notice": "cyan", "warning": "bold yellow", "critical": "bold white on red"}
_ORDER = {"notice": 0, "warning": 1, "critical": 2}
_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "case": "case",
        "when": "when",
        "verdict": "verdict",
        "who": "who",
        "why": "why",
        "what": "text",
        "posts": "posts",
        "targets": "aimed at",
        "listed": "on lists",
        "since": "since then",
        "earlier": "earlier cases",
        "into": "goes on as",
        "watched": "you watch",
        "shared": "in common",
        "not": "does not prove",
        "accounts": "accounts",
        "score": "score",
        "revision": "revision",
    },
    "fr": {
        "case": "affaire",
        "when": "quand",
        "verdict": "avis",
        "who": "qui",
        "why": "pourquoi",
        "what": "texte",
        "posts": "messages",
        "targets": "vise",
        "listed": "sur liste",
        "since": "depuis",
        "earlier": "précédentes",
        "into": "continue dans",
        "watched": "on surveille",
        "shared": "en commun",
        "not": "ne prouve pas",
        "accounts": "comptes",
        "score": "score",
        "revision": "révision",
    },
}
_DIRECTIONS = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_CONTROL = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029, *_DIRECTIONS], "�")
_MOST_LISTED = 5
_MOST_EARLIER = 5


class _Told(NamedTuple):
    """What was printed of a case."""

    rank: int
    accounts: int
    verdict: dict[str, Any] | None


class Terminal:
    """Prints alerts from a severity on.

    Parameters
    ----------
    console : rich.console.Console
    show : str
        The lowest severity that is printed. Whatever is hidden is counted in the summary.
    language : str
        ``en`` or ``fr``.
    """

    def __init__(self, console: Console, show: str = "warning", language: Language = "en") -> None:
        self._console = console
        self._least = _ORDER[show]
        self._language: Language = language
        self._told: dict[str, _Told] = {}
        self._names: dict[str, str] = {}

    def write(self, alert: dict[str, Any]) -> None:
        """Print a new or worsened case in full, one that has doubled or was judged in short, nothing else."""
        data = alert["data"]
        rank = _ORDER[data["severity"]]
        # Also of what is hidden: a later revision that is shown may not say the text again.
        name = _name(alert["subject"], data) or self._names.get(alert["subject"], alert["subject"])
        self._names[alert["subject"]] = name
        accounts, verdict = data["group"]["accounts_total"], data["verdict"]
        before = self._told.get(data["case_id"])
        silenced = data["status"] in ("dismissed", "retracted")
        if silenced or data["status"] in ("closed", "merged"):
            self._told.pop(data["case_id"], None)
            self._names.pop(alert["subject"], None)
            if silenced and rank >= self._least:  # whoever was shown it must hear that it is taken back
                self._print(self._headline(alert, name))
                self._print_rows(self._answer(data))
            return
        grown = before is not None and accounts >= 2 * before.accounts
        worse = before is None or rank > before.rank
        judged = before is not None and verdict is not None and verdict != before.verdict
        if rank < self._least or not (worse or grown or judged):
            return
        self._told[data["case_id"]] = _Told(rank, accounts, verdict)
        self._print(self._headline(alert, name))
        if worse:
            self._print_rows(self._body(data))
        elif judged:
            self._print_rows(self._answer(data))

    def show(self, alert: dict[str, Any]) -> None:
        """Print one alert in full, whatever it is."""
        self._print(self._headline(alert, _name(alert["subject"], alert["data"]) or alert["subject"]))
        self._print_rows(chain(self._place(alert["data"]), self._body(alert["data"])))

    def _print(self, text: Text) -> None:
        # Only a terminal has an edge to wrap at; in a file, one line stays one line.
        self._console.print(text, soft_wrap=not self._console.is_terminal)

    def _print_rows(self, rows: Iterator[_Row]) -> None:
        if not self._console.is_terminal:
            for label, content, style in rows:
                self._print(Text(f"  {label:>14}  " if label else "  ").append(printable(content), style))
            self._console.print()
            return
        grid = Table.grid(padding=(0, 2))
        grid.add_column(justify="right", style="dim", min_width=14)
        grid.add_column(overflow="fold")
        for label, content, style in rows:
            grid.add_row(label, Text(printable(content), style))
        self._console.print(grid)
        self._console.print()

    def _headline(self, alert: dict[str, Any], name: str) -> Text:
        data, words = alert["data"], _WORDS[self._language]
        line = Text(f"{alert['time'][11:19]} ", style="dim")
        line.append(f" {data['severity'].upper()} ", style=_STYLES[data["severity"]])
        line.append(f" {words['score']} {data['score']}  ", style="bold")
        line.append(f"{STATUS[self._language][data['status']]} {data['case_id'][:9]}, ", style="dim")
        line.append(f"{words['revision']} {data['revision']}{colon(self._language)}", style="dim")
        line.append(printable(name))
        group = data["group"]
        accounts, posts = self._number(group["accounts_total"]), self._number(group["posts_total"])
        line.append(f" · {accounts} {words['accounts']}, {posts} {words['posts']}")
        return line

    def _body(self, data: dict[str, Any]) -> Iterator[_Row]:
        words, language = _WORDS[self._language], self._language
        yield from self._answer(data)
        if watched := data.get("relevance", {}).get("names"):
            yield words["watched"], ", ".join(watched), ""
        for reason in data["reasons"]:
            yield words["why"], f"+{reason['points']}  {reason[language]}", ""
        counted = {reason["code"] for reason in data["reasons"]}
        for trait in data["traits"]:
            if trait["state"] == "found" and trait["name"] not in counted:
                yield words["shared"], trait["sentence"][language], ""
        for finding in [finding for finding in data["findings"] if finding["template"]][:3]:
            yield words["what"], finding["template"], "italic"
            if finding["targets"]:
                yield words["targets"], ", ".join(self._target(one) for one in finding["targets"][:5]), ""
        group = data["group"]
        more = f" … ({self._number(group['accounts_total'])})" if group["accounts_total"] > 8 else ""
        yield words["who"], ", ".join(group["accounts"][:8]) + more, ""
        for entry in listed_said(group.get("listed", []), _MOST_LISTED, language):
            yield words["listed"], entry, ""
        ids = ", ".join(post["id"] for post in group["posts"][:6])
        start, end = data["window"]["start"][11:19], data["window"]["end"][11:19]
        yield words["posts"], f"{ids} …  ({start} – {end} UTC)", ""
        yield from self._story(data)
        for sentence in data["not_proved"]:
            yield words["not"], sentence[language], "dim"

    def _place(self, data: dict[str, Any]) -> Iterator[_Row]:
        """Which case it is, and when it was: of one that is looked up later, the day matters."""
        words = _WORDS[self._language]
        yield words["case"], f"{data['case_id']} ({', '.join(data['detectors'])})", ""
        start, end = moment(data["window"]["start"]), moment(data["window"]["end"])
        yield words["when"], f"{start} – {end} UTC", ""

    def _answer(self, data: dict[str, Any]) -> Iterator[_Row]:
        """What was told, and what an analyst said of it."""
        yield "", data["summary"][self._language], "bold"
        if data["verdict"] is not None:
            yield _WORDS[self._language]["verdict"], verdict_said(data["verdict"], self._language), "bold"

    def _story(self, data: dict[str, Any]) -> Iterator[_Row]:
        """What came before the case, and what became of it."""
        words, earlier = _WORDS[self._language], data["related"]["earlier"]
        if fate := fate_said(data.get("fate", {}), self._language):
            yield words["since"], fate, ""
        if earlier:
            more = f" … ({self._number(len(earlier))})" if len(earlier) > _MOST_EARLIER else ""
            yield words["earlier"], ", ".join(earlier[:_MOST_EARLIER]) + more, ""
        if data["related"]["merged_into"]:
            yield words["into"], data["related"]["merged_into"], ""

    def _target(self, target: dict[str, Any]) -> str:
        return f"{target['value']} ({self._number(target['accounts'])})"

    def _number(self, value: int) -> str:
        return number(value, self._language)


def _name(subject: str, data: dict[str, Any]) -> str | None:
    """What a person calls the case; None where this revision does not say."""
    kind, _, value = subject.partition(":")
    if kind == "hashtag":
        return f"#{value}"
    for finding in data["findings"]:
        if finding["template"] and finding["subjects"][0]["value"] == value:
            template: str = finding["template"]
            return f"“{template[:70]}{'…' if len(template) > 70 else ''}”"
    return None


def printable(text: str) -> str:
    """A text without control characters and direction overrides, which could rewrite what a person sees.

    >>> printable("safe\\x1b[2Jtext")
    'safe�[2Jtext'
    """
    return text.translate(_CONTROL).encode("utf-8", "replace").decode("utf-8")
