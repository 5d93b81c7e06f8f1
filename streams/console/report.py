"""A case as one HTML file to print or to hand on: no script, nothing loaded, strangers' texts escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from detectors.alerts import instant
from streams.clock import clock_ms
from streams.outputs.case_words import fate_said, moment, verdict_said
from streams.outputs.terminal import printable

_MOST_ACCOUNTS = 200
_WIDTH, _HEIGHT = 720, 120
_STYLE = """
body { font: 11pt/1.45 system-ui, sans-serif; color: #1a1a1a; max-width: 46rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.35rem; line-height: 1.3 }
h2 { font-size: 1.05rem; margin-top: 1.6rem; break-after: avoid }
table { border-collapse: collapse; width: 100%; font-size: .85em }
th, td { padding: .2rem .5rem .2rem 0; border-bottom: 1px solid #ddd; vertical-align: top; text-align: left;
  overflow-wrap: anywhere }
td.n { text-align: right }
blockquote { margin: 0; padding-left: 1rem; border-left: 3px solid #999 }
.dim { color: #555 }
.not { border: 1px solid #999; padding: .2rem 1rem }
svg { width: 100%; height: auto; fill: #36507a }
svg, tr { break-inside: avoid }
@media print { body { margin: 0; max-width: none; font-size: 9.5pt } }
"""


def report(page: dict[str, Any], people: list[dict[str, Any]]) -> str:
    """The report of a case.

    Parameters
    ----------
    page : dict
        What `case_page` gives.
    people : list of dict
        Its accounts.
    """
    row, alert = page["row"], page["alert"]
    parts = [
        f"<h1>{_text(row['summary']['en'])}</h1>",
        f'<p lang="fr" class="dim">{_text(row["summary"]["fr"])}</p>',
        _facts(row, alert),
        *_section("Why", _list(_reasons(alert))),
        *_section("What it does not prove", f'<div class="not">{_list(page["not_proved"]["en"])}</div>'),
        *_section("When", _chart(page["timeline"])),
        *_section("The text", f"<blockquote>{_text(page['template']['text'])}</blockquote>")
        * (page["template"] is not None),
        *_section("What the accounts have in common", _traits(page["traits"])),
        *_section(f"Accounts ({row['accounts']:,})", _people(people)),
        *_section(f"Posts ({row['posts']:,})", _posts(page["posts"])),
        *_section("The case so far", _revisions(page["revisions"])),
        *_section(
            "Where the figures come from",
            _list(f"{name}: {said['en']}" for name, said in page["sources"].items()),
        ),
    ]
    title = f"Vigie, case {_text(row['case_id'])}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def _text(text: object) -> str:
    """Whatever strangers wrote, as text and nothing else."""
    return escape(printable(str(text).replace("\n", " ")))


def _section(title: str, body: str) -> list[str]:
    return [f"<h2>{escape(title)}</h2>", body] if body else []


def _list(items: Iterable[str]) -> str:
    inner = "".join(f"<li>{_text(item)}</li>" for item in items)
    return f"<ul>{inner}</ul>" if inner else ""


def _table(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    """A table; what is a number stands at the right."""
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="n">{cell:,}</td>' if isinstance(cell, int) else f"<td>{_text(cell or '')}</td>"
            for cell in row
        )
        + "</tr>"
        for row in rows
    )
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>" if body else ""


def _facts(row: dict[str, Any], alert: dict[str, Any]) -> str:
    window, versions = row["window"], alert["versions"]
    facts = [
        ("Case", f"{row['case_id']}, revision {row['revision']}, {row['status']}"),
        ("Severity", f"{row['severity']}, score {row['score']} of 100"),
        ("When", f"{moment(window['start'])} to {moment(window['end'])} UTC"),
        ("Found by", ", ".join(row["detectors"])),
        ("Pushes", ", ".join(f"{one['kind']} {one['shown']}" for one in row["subjects"])),
        ("DISARM", ", ".join(alert["disarm"])),
        ("Since then", fate_said(alert.get("fate", {}), "en")),
        ("Verdict", verdict_said(row["verdict"], "en") if row["verdict"] else ""),
        (
            "Made",
            f"{moment(instant(clock_ms()))} UTC by Vigie {versions['vigie']}, settings {versions['config']}",
        ),
    ]
    return _table(["", ""], ((name, value) for name, value in facts if value))


def _reasons(alert: dict[str, Any]) -> Iterator[str]:
    for reason in alert["reasons"]:
        yield f"+{reason['points']}: {reason['en']}"


def _traits(traits: list[dict[str, Any]]) -> str:
    found = [trait["sentence"]["en"] for trait in traits if trait["state"] == "found" and trait["sentence"]]
    tested = sum(trait["state"] in ("found", "not_found") for trait in traits)
    return _list([*found, f"{tested} traits could be tested, {len(found)} were found."]) if traits else ""


def _people(people: list[dict[str, Any]]) -> str:
    shown = sorted(people, key=lambda one: (-one["posts"], one["account"]))[:_MOST_ACCOUNTS]
    head = ["id", "handle", "made", "followers", "posts", "signs"]
    rows = (
        (
            one["author_id"],
            one["handle"],
            (one["created"] or "")[:10],
            one["followers"],
            one["posts"],
            ", ".join(one["signs"]),
        )
        for one in shown
    )
    left = len(people) - len(shown)
    return _table(head, rows) + (f"<p>and {left:,} more.</p>" if left > 0 else "")


def _posts(posts: list[dict[str, Any]]) -> str:
    return _table(
        ["when (UTC)", "post", "account", "kind"],
        (
            (moment(one["created_at"]), one["id"], one["handle"] or one["author_id"], one["kind"])
            for one in posts
        ),
    )


def _revisions(revisions: list[dict[str, Any]]) -> str:
    return _table(
        ["when (UTC)", "revision", "status", "severity", "score"],
        (
            (moment(one["time"]), one["revision"], one["status"], one["severity"], one["score"])
            for one in revisions
        ),
    )


def _chart(line: dict[str, Any]) -> str:
    """Posts by steps of time, as bars."""
    posts: list[int] = line["posts"]
    most = max(posts, default=0)
    if not most:
        return ""
    step = _WIDTH / len(posts)
    bars = "".join(
        f'<rect x="{number * step:.1f}" y="{_HEIGHT * (1 - count / most):.1f}" '
        f'width="{max(step - 0.5, 0.5):.1f}" height="{_HEIGHT * count / most:.1f}"/>'
        for number, count in enumerate(posts)
        if count
    )
    start, minutes = moment(line["start"]), line["step_s"] // 60
    said = f"From {start} UTC, in steps of {minutes:,} min; at most {most:,} posts a step."
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(said)}">{bars}</svg>'
        f'<p class="dim">{escape(said)}</p>'
    )
