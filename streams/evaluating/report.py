"""An evaluation as text, as JSON, and as a report with plots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from streams.evaluating.figures import Baseline, Figure
from streams.evaluating.running import Evaluation, Result

COMMAND = "vigie evaluate"


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """All figures; rankings, delays and cases only in numbers."""
    return {
        "vigie": evaluation.vigie,
        "settings": evaluation.settings,
        "folder": evaluation.folder,
        "seed": evaluation.seed,
        "quick": evaluation.quick,
        "protocols": [_protocol(one) for one in evaluation.results],
        "not_met": [
            {"protocol": one.number, "measure": figure.measure, "tried": one.tried}
            for one in evaluation.results
            for figure in one.unmet
        ],
        "calibration": _calibration(evaluation),
        "unread": evaluation.unread,
    }


def _protocol(result: Result) -> dict[str, Any]:
    return {
        "number": result.number,
        "name": result.name,
        "title": result.title,
        "state": result.state,
        "reason": result.reason,
        "seconds": result.seconds,
        "figures": [_figure(one) for one in result.measured.figures],
        "delays_min": {name: _quartiles(some) for name, some in result.measured.delays.items() if some},
        "tables": result.measured.tables,
        "calibration_bins": [
            {"predicted": one[0], "found": one[1], "share": one[2]} for one in result.measured.bins
        ],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "measure": figure.measure,
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "interval_over": figure.unit or None,
        "of": figure.of,
        "wanted": figure.wanted or None,
        "met": figure.met,
        "baselines": [
            {"name": one.name, "value": one.value, "low": one.low, "high": one.high}
            for one in figure.baselines
        ],
        "published": figure.published or None,
        "note": figure.note or None,
    }


def _calibration(evaluation: Evaluation) -> dict[str, Any]:
    known = evaluation.calibration
    reliability = known.reliability
    return {
        "operations": known.operations,
        "cases": known.cases,
        "by_score": known.by_score,
        "probability": None if reliability is None else known.probability,
        "why": known.probability,
        "reliability": reliability
        and [{"predicted": one[0], "found": one[1], "share": one[2]} for one in reliability],
        "brier": known.brier,
        "brier_constant": known.brier_constant,
    }


def _quartiles(delays: list[float]) -> dict[str, float | int]:
    order = sorted(delays)
    places = {"median": 0.5, "nine_in_ten": 0.9}
    found: dict[str, float | int] = {
        name: order[min(len(order) - 1, int(part * len(order)))] for name, part in places.items()
    }
    return found | {"of": len(order)}


def as_text(evaluation: Evaluation) -> Iterator[str]:
    """Lines for a terminal."""
    for result in evaluation.results:
        yield f"{result.number:>2} {result.title}: {result.state}{_because(result.reason)}"
        for figure in result.measured.figures:
            yield f"     {_line(figure)}"
            for rule in figure.baselines:
                yield f"         {_number(rule.value)}{_interval(rule)}  {rule.name}"
    yield from _ends(evaluation)


def _ends(evaluation: Evaluation) -> Iterator[str]:
    unmet = [(one, figure) for one in evaluation.results for figure in one.unmet]
    wanted = sum(figure.met is not None for one in evaluation.results for figure in one.measured.figures)
    yield f"{wanted - len(unmet)} of {wanted} figures are as wanted."
    for one, figure in unmet:
        yield f"not met: {one.number} {figure.measure}: {_number(figure.value)}, wanted {figure.wanted}"
    yield f"probability: {evaluation.calibration.probability}."
    for name, problem in evaluation.unread.items():
        yield f"not read: {name}: {problem}"


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _line(figure: Figure) -> str:
    verdict = {True: ", met", False: ", NOT met", None: ""}[figure.met]
    wanted = f"  wanted {figure.wanted}{verdict}" if figure.wanted else ""
    of = f"  of {figure.of:,}" if figure.of is not None else ""
    return f"{_number(figure.value)}{_interval(figure)}  {figure.measure}{of}{wanted}"


def _number(value: float | None) -> str:
    """A figure with three digits behind the point, or none where it is whole.

    >>> _number(0.98123), _number(3), _number(None)
    ('0.981', '3', '-')
    """
    if value is None:
        return "-"
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"


def _interval(one: Figure | Baseline) -> str:
    return "" if one.low is None else f" [{_number(one.low)}, {_number(one.high)}]"


# -- the report ------------------------------------------------------------------------------------


def write(evaluation: Evaluation, out: Path) -> Path:
    """Write `report.md`, `report.json` and the plots into a folder, which is made if need be."""
    # Only here: drawing takes a library that no other command needs.
    from streams.evaluating import plots  # noqa: PLC0415

    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_bytes(orjson.dumps(as_json(evaluation), option=orjson.OPT_INDENT_2))
    pictures = plots.draw(evaluation, out)
    page = out / "report.md"
    page.write_text("\n".join(_page(evaluation, pictures)) + "\n", encoding="utf-8")
    return page


def _page(evaluation: Evaluation, pictures: dict[str, str]) -> Iterator[str]:
    quick = " --quick" if evaluation.quick else ""
    yield "# Evaluation"
    yield ""
    yield f"`{COMMAND} {evaluation.folder} --seed {evaluation.seed}{quick}`, Vigie {evaluation.vigie},"
    yield f"default settings (version {evaluation.settings}). Intervals: 95 % percentile bootstrap, 1,000"
    yield "draws of the unit named beside them. In italics: simple rules and other methods on the same data."
    yield ""
    for result in evaluation.results:
        yield from _section(result)
    yield from _unmet(evaluation)
    yield from _calibrated(evaluation)
    if evaluation.unread:
        yield "## Files that could not be read"
        yield ""
        yield from (f"- `{name}`: {problem}" for name, problem in evaluation.unread.items())
        yield ""
    if pictures:
        yield "## Plots"
        yield ""
        for title, name in pictures.items():
            yield f"![{title}]({name})"
            yield ""


def _section(result: Result) -> Iterator[str]:
    yield f"## {result.number}. {result.title}"
    yield ""
    if result.state != "measured":
        yield f"{result.state[0].upper()}{result.state[1:]}{_because(result.reason)}."
        yield ""
    if result.measured.figures:
        yield "| measure | value | interval over | of | wanted | met |"
        yield "|---|--:|---|--:|---|---|"
        for figure in result.measured.figures:
            yield from _rows(figure)
        yield ""
        yield from (f"Published: {text}.\n" for text in _distinct(result, "published"))
    for name, some in result.measured.delays.items():
        if some:
            numbers = _quartiles(some)
            yield (
                f"Minutes from the third participating post, {name}: median {numbers['median']:g}, "
                f"nine in ten within {numbers['nine_in_ten']:g} ({numbers['of']} told).\n"
            )
    for title, rows in result.measured.tables.items():
        yield from _table(title, rows)


def _distinct(result: Result, name: str) -> list[str]:
    return list(dict.fromkeys(text for one in result.measured.figures if (text := getattr(one, name))))


def _rows(figure: Figure) -> Iterator[str]:
    met = {True: "yes", False: "**no**", None: ""}[figure.met]
    of = "" if figure.of is None else f"{figure.of:,}"
    note = f" ({figure.note})" if figure.note else ""
    value = f"{_number(figure.value)}{_interval(figure)}"
    yield f"| {_cell(figure.measure + note)} | {value} | {figure.unit} | {of} | {figure.wanted} | {met} |"
    for rule in figure.baselines:
        yield f"| *{_cell(rule.name)}* | *{_number(rule.value)}{_interval(rule)}* | | | | |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(title: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    yield f"{title[0].upper()}{title[1:]}:"
    yield ""
    yield f"| {' | '.join(rows[0])} |"
    yield f"|{'---|' * len(rows[0])}"
    for row in rows:
        yield f"| {' | '.join(_cell(str(value)) for value in row.values())} |"
    yield ""


def _unmet(evaluation: Evaluation) -> Iterator[str]:
    yield "## Not met"
    yield ""
    found = False
    for result in evaluation.results:
        for figure in result.unmet:
            found = True
            yield f"- {result.number}. {figure.measure}: {_number(figure.value)}, wanted {figure.wanted}."
        if result.unmet and result.tried:
            yield f"  What was tried: {result.tried}"
    if not found:
        yield "Nothing that was measured and wanted."
    yield ""


def _calibrated(evaluation: Evaluation) -> Iterator[str]:
    known = evaluation.calibration
    yield "## Score and label"
    yield ""
    yield f"{known.cases} cases whose truth is known. Probability: {known.probability}."
    yield ""
    yield from _table("right cases by score", known.by_score)
    if known.brier is not None:
        yield f"Brier score {known.brier}, always saying the mean {known.brier_constant}."
        yield ""
