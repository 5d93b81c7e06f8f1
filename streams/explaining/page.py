"""An answer as a person reads it, in lines of eighty columns, in English or in French.

What was measured keeps the names that it has in the data, in either language.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.text import Text

from streams.explaining.question import Answer
from streams.explaining.words import (
    BOUNDS,
    COUNTED,
    DETECTORS,
    KINDS,
    MARKS,
    SEVERITIES,
    STATES,
    STATUSES,
    TRAITS,
    named,
    number,
)
from streams.outputs.case_words import Language
from streams.outputs.terminal import printable

_WIDTH = 80
_SHOWN_FINDINGS = 3
_SHOWN_FEATURES = 8
_SHOWN_ALERTS = 3
_Line = tuple[str, str]
"""Text and style."""
_SAID: dict[Language, dict[str, str]] = {
    "en": {
        "head": "{kind} {value} at {at}",
        "more": "{n} more findings: --json prints all.",
        "counted": "counted",
        "none": "none",
        "unknown": "unknown",
        "no_score": "not enough data",
        "automation": "automation score of {id}: {score} ({note})",
        "section": "{detector}: {state}",
        "earlier": "judged earlier, see below; at the moment",
        "condition": "{measured} {what} ({bound} {wanted})",
        "finding": "{detector} {id}, judged {at}: score {score} ({severity}); {accounts} accounts, "
        "{posts} posts",
        "no_alert": "no alert",
        "rule": "{code}: {numbers}",
        "needs": "needs {needed}",
        "told": "told {time} in case {case}, revision {revision}: {status}, {severity}",
        "posts": "posts {ids} …",
        "untested": "traits, {state}: {names}",
        "trait": "trait",
        "state": "state",
        "value": "value",
        "others": "others",
        "effect": "effect",
    },
    "fr": {
        "head": "{kind} {value}, au {at}",
        "more": "{n} autres constats\u00a0: --json les montre tous.",
        "counted": "compté",
        "none": "aucun",
        "unknown": "inconnu",
        "no_score": "données insuffisantes",
        "automation": "automatisme de {id}\u00a0: {score} ({note})",
        "section": "{detector}\u00a0: {state}",
        "earlier": "jugé plus tôt, voir plus bas\u202f; à ce moment",
        "condition": "{measured} {what} ({bound} {wanted})",
        "finding": "{detector} {id}, jugé {at}\u00a0: score {score} ({severity}), {accounts} comptes, "
        "{posts} messages",
        "no_alert": "pas d'alerte",
        "rule": "{code}\u00a0: {numbers}",
        "needs": "demande {needed}",
        "told": "annoncé {time} dans l'affaire {case}, révision {revision}\u00a0: {status}, {severity}",
        "posts": "messages {ids} …",
        "untested": "traits, {state}\u00a0: {names}",
        "trait": "trait",
        "state": "état",
        "value": "valeur",
        "others": "autres",
        "effect": "effet",
    },
}


def print_answer(out: Console, answer: Answer, language: Language = "en") -> None:
    """Print an answer."""
    width = min(_WIDTH, out.width)
    for text, style in _Page(language, width).lines(answer):
        out.print(Text(text, style), soft_wrap=True)


class _Page:
    """An answer in one language, in lines of a width."""

    def __init__(self, language: Language, width: int) -> None:
        self._language: Language = language
        self._width = width
        self._said = _SAID[language]
        self._at = 0 if language == "en" else 1

    def lines(self, answer: Answer) -> Iterator[_Line]:
        """All of it."""
        kind = named(KINDS, answer["kind"], self._language)
        yield from self._wrapped(self._say("head", kind=kind, value=answer["value"], at=answer["at"]), "bold")
        yield from self._wrapped(self._of(answer, "verdict"))
        for sentence in answer.get("missing" if self._language == "en" else "missing_fr", []):
            yield from self._wrapped(sentence, "dim")
        yield from self._counted(answer["counted"])
        for scored in answer.get("automation", []):
            yield from self._scored(scored)
        for section in answer["detectors"]:
            yield from self._section(section)
        for finding in answer["findings"][:_SHOWN_FINDINGS]:
            yield from self._finding(finding)
        hidden = len(answer["findings"]) - _SHOWN_FINDINGS
        if hidden > 0:
            yield "", ""
            yield from self._wrapped(self._say("more", n=hidden), "dim")

    def _say(self, sentence: str, **values: Any) -> str:
        return self._said[sentence].format(**values)

    def _of(self, told: Answer, name: str) -> str:
        """A sentence of the answer in the language that is wanted."""
        return str(told[name] if self._language == "en" else told[f"{name}_fr"])

    def _counted(self, counted: Answer) -> Iterator[_Line]:
        if counted:
            yield "", ""
            yield self._said["counted"], "bold"
        for name, value in counted.items():
            if value is None:
                continue
            if isinstance(value, list) and value and isinstance(value[0], dict):
                for row in _steps(value):
                    yield from self._wrapped(f"  {self._pairs(row)}", "dim", indent=4)
                continue
            label = named(COUNTED, name, self._language)
            yield from self._wrapped(f"  {label:20} {self._shown(value)}", "dim", indent=23)

    def _shown(self, value: Any) -> str:
        if isinstance(value, dict):
            return self._pairs(value) or self._said["none"]
        if isinstance(value, list):
            return ", ".join(map(str, value)) or self._said["none"]
        if value is None:
            return self._said["unknown"]
        return number(value, self._language) if isinstance(value, int | float) else str(value)

    def _pairs(self, row: Answer) -> str:
        """What was counted, each figure after its name."""
        if self._language == "fr":
            codes = {"severity": SEVERITIES, "status": STATUSES}
            row = {
                COUNTED.get(name, name): codes[name].get(value, value) if name in codes else value
                for name, value in row.items()
            }
        return ", ".join(f"{name} {self._shown(value)}" for name, value in row.items() if value is not None)

    def _scored(self, scored: Answer) -> Iterator[_Line]:
        score = self._said["no_score"] if scored["score"] is None else self._shown(scored["score"])
        yield "", ""
        note = self._of(scored, "note")
        yield from self._wrapped(self._say("automation", id=scored["id"], score=score, note=note))
        for part in scored["contributions"][:_SHOWN_FEATURES]:
            yield f"  {part['feature']:28} {self._shown(part['value']):>12}   {part['log_odds']:+.2f}", "dim"

    def _section(self, section: Answer) -> Iterator[_Line]:
        state = STATES[section["state"]][self._at]
        if section["findings"] and any(one["state"] == "not_met" for one in section["conditions"]):
            state = self._said["earlier"]
        yield "", ""
        yield self._say("section", detector=self._detector(section["detector"]), state=state), "bold"
        for one in section["conditions"]:
            said = self._say(
                "condition",
                measured=self._shown(one["measured"]),
                what=self._of(one, "what"),
                bound=one["bound"] if self._language == "en" else BOUNDS[one["bound"]],
                wanted=self._shown(one["wanted"]),
            )
            yield from self._wrapped(f"{MARKS[one['state']][self._at]:>9}  {said}", indent=11)

    def _finding(self, finding: Answer) -> Iterator[_Line]:
        yield "", ""
        told = self._say(
            "finding",
            detector=self._detector(finding["detector"]),
            id=finding["finding_id"],
            at=finding["judged_at"],
            score=finding["score"],
            severity=self._severity(finding["severity"]),
            accounts=self._shown(finding["accounts"]),
            posts=self._shown(finding["posts"]),
        )
        yield from self._wrapped(told, "bold")
        if finding["template"]:
            yield from self._wrapped(f"  {finding['template']}", "italic", indent=2)
        for rule in finding["rules"]:
            yield from self._rule(rule)
        yield from self._traits(finding["traits"])
        for alert in finding["alerts"][-_SHOWN_ALERTS:]:
            said = self._say(
                "told",
                time=alert["time"],
                case=alert["case_id"],
                revision=alert["revision"],
                status=STATUSES[alert["status"]] if self._language == "fr" else alert["status"],
                severity=self._severity(alert["severity"]),
            )
            yield from self._wrapped(f"  {said}", indent=4)
        posts = self._say("posts", ids=", ".join(finding["post_ids"][:6]))
        yield from self._wrapped(f"  {posts}", "dim", indent=4)

    def _rule(self, rule: Answer) -> Iterator[_Line]:
        mark = f"+{rule['points']}" if rule["state"] == "met" else MARKS[rule["state"]][self._at]
        numbers = ", ".join(f"{name} {self._shown(value)}" for name, value in rule["numbers"].items())
        said = self._say("rule", code=rule["code"], numbers=numbers)
        yield from self._wrapped(f"{mark:>9}  {said}", indent=11)
        if rule["state"] != "met":
            needed = self._say("needs", needed=self._of(rule, "needed"))
            yield from self._wrapped(f"{'':9}  {needed}", "dim", indent=11)

    def _traits(self, traits: list[Answer]) -> Iterator[_Line]:
        """One row for each trait that was tested, those that were found first; the others by name."""
        tested = [one for one in traits if one["value"] is not None]
        if tested:
            heads = self._said
            head = f"  {heads['trait']:20} {heads['state']:19} {heads['value']:>6} {heads['others']:>6} "
            yield f"{head}{heads['effect']:>6} {'p':>7} {'n':>6}", "dim"
        for one in sorted(tested, key=lambda one: (one["state"] != "found", one["name"])):
            figures = f"{_figure(one['value']):>6} {_figure(one['reference']):>6} {_figure(one['effect']):>6}"
            state = TRAITS[one["state"]][self._at]
            yield f"  {one['name']:20} {state:19} {figures} {_figure(one['p_value']):>7} {one['n']:>6,}", ""
        untested: dict[str, list[str]] = {}
        for one in traits:
            if one["value"] is None:
                untested.setdefault(TRAITS[one["state"]][self._at], []).append(one["name"])
        for state, names in untested.items():
            said = self._say("untested", state=state, names=", ".join(names))
            yield from self._wrapped(f"  {said}", "dim", indent=4)

    def _detector(self, code: str) -> str:
        return DETECTORS[code] if self._language == "fr" else code

    def _severity(self, code: str | None) -> str:
        if code is None:
            return self._said["no_alert"]
        return SEVERITIES[code] if self._language == "fr" else code

    def _wrapped(self, text: str, style: str = "", indent: int = 0) -> Iterator[_Line]:
        """A text in lines of the width, those after the first one set in."""
        shown = printable(text)
        first = shown[: len(shown) - len(shown.lstrip(" "))]
        lines = wrap(
            shown.lstrip(" "),
            self._width,
            initial_indent=first,
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
        )
        yield from ((line, style) for line in lines)


def _steps(rows: list[Answer]) -> Iterator[Answer]:
    """Those at which the score or the severity changed."""
    before = None
    for row in rows:
        if (now := (row["score"], row["severity"])) != before:
            before = now
            yield row


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
