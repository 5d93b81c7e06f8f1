"""Alert rules, their tests and runbooks, and the dashboards: whole, and naming only what exists."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from servers import need

from streams import cli, metrics

ROOT = Path(__file__).resolve().parent.parent
DEPLOY, RUNBOOKS = ROOT / "deploy", ROOT / "docs" / "runbooks"
SECTIONS = ["Look first", "Do", "Lost meanwhile", "Wake"]


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path)


RULES = [
    rule
    for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
    for group in read(path)["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in RULES if "record" in rule}
TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
DASHBOARDS = {
    path.stem: json.loads(path.read_text()) for path in (DEPLOY / "grafana/dashboards").glob("*.json")
}
PANELS = [
    pytest.param(panel, id=f"{name}-{panel['id']}")
    for name, board in sorted(DASHBOARDS.items())
    for panel in board["panels"]
    if panel["type"] != "row"
]
OF_PROMETHEUS = {"up", "ALERTS"}


def known() -> set[str]:
    """Every series that Prometheus can have of us."""
    names = {*RECORDED, *OF_PROMETHEUS}
    for one in {one for described in metrics.COMPONENTS.values() for one in described}:
        parts = ("_bucket", "_sum", "_count") if one.kind == "histogram" else ("",)
        names |= {one.name + part for part in parts}
    return names


def named(text: str) -> set[str]:
    """The series that a query, a rule or a page names."""
    return set(re.findall(r"\bvigie(?:_[a-z_]*[a-z]|:[a-z_]+:\w+)", text))


def promtool(*arguments: Any) -> str:
    need("" if shutil.which("promtool") else "promtool is missing: apt-get install prometheus")
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# -- rules -----------------------------------------------------------------------------------------


def test_prometheus_takes_all_rules():
    said = promtool("check", "rules", *sorted((DEPLOY / "prometheus" / "rules").glob("*.yml")))
    assert sum(map(int, re.findall(r"(\d+) rules found", said))) == len(RULES) > 20


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_fire_and_are_silent_as_their_tests_say(path):
    assert "SUCCESS" in promtool("test", "rules", path)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not():
    told = Counter(
        (case["alertname"], bool(case["exp_alerts"]))
        for path in TESTS
        for one in read(path)["tests"]
        for case in one.get("alert_rule_test", [])
    )
    assert set(told) == {(name, fires) for name in ALERTS for fires in (True, False)}


def test_every_recorded_series_is_tested():
    asked = " ".join(
        case["expr"]
        for path in TESTS
        for one in read(path)["tests"]
        for case in one.get("promql_expr_test", [])
    )
    assert named(asked) == set(RECORDED)


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_waits_says_what_and_how_bad_and_leads_to_its_runbook(name):
    rule = ALERTS[name]
    assert re.fullmatch(r"\d+[ms]", rule["for"])
    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert {"summary", "description", "runbook"} == set(rule["annotations"])
    page = ROOT / rule["annotations"]["runbook"]
    assert page.parent == RUNBOOKS
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert f"Severity `{rule['labels']['severity']}`, after {rule['for']}." in text
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert "```sh" in text.partition("## Look first")[2].partition("## Do")[0]


def test_every_runbook_has_its_rule_and_stands_in_the_list():
    pages = {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    assert pages == {Path(rule["annotations"]["runbook"]).name for rule in ALERTS.values()}
    listed = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    for name, rule in ALERTS.items():
        page = Path(rule["annotations"]["runbook"]).name
        assert f"| [{name}]({page}) | {rule['labels']['severity']} |" in listed
    assert all(name in (ROOT / "docs/operate.md").read_text(encoding="utf-8") for name in ALERTS)


@pytest.mark.parametrize(
    "path", [*sorted(RUNBOOKS.glob("*.md")), ROOT / "docs" / "operate.md"], ids=lambda p: p.stem
)
def test_every_command_of_a_page_is_one_of_vigie(path):
    text = path.read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    commands = re.findall(r"^(?:\S+ \| )?vigie ([^#|<>\n]+)", blocks, re.MULTILINE)
    for command in commands:
        assert callable(cli.parser().parse_args(shlex.split(command)).run), command
    for query in re.findall(r"promtool query instant \$PROM '([^']+)'", blocks):
        assert named(query) <= known(), query


def test_a_command_that_does_not_exist_would_be_noticed(capsys):
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["doctor", "--now"])
    assert "--now" in capsys.readouterr().err


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rules_name_only_series_that_exist(rule):
    assert named(rule["expr"]) | {"up"} & set(re.findall(r"\bup\b", rule["expr"]))
    assert named(rule["expr"]) <= known()


# -- dashboards ------------------------------------------------------------------------------------


def test_the_dashboards_are_those_of_the_operator_and_of_the_room():
    assert {board["title"] for board in DASHBOARDS.values()} == {"Pipeline", "Election night"}
    assert len({board["uid"] for board in DASHBOARDS.values()}) == len(DASHBOARDS)


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_panels_have_numbers_of_their_own_and_do_not_overlap(name):
    panels = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows_in_which_unit_and_asks_for_what_exists(panel):
    assert len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["unit"]
    (source,) = read(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == panel["datasource"]["uid"] == source["uid"]
        series = named(target["expr"]) | (OF_PROMETHEUS & set(re.findall(r"\w+", target["expr"])))
        assert series
        assert series <= known()


def test_runbooks_named_by_a_panel_exist():
    for panel in (param.values[0] for param in PANELS):
        for page in re.findall(r"docs/runbooks/[\w-]+\.md", panel["description"]):
            assert (ROOT / page).exists()


def test_a_series_that_does_not_exist_would_be_noticed():
    assert named('rate(vigie_worker_postz_total{outcome="dead"}[5m]) / vigie:late:ratio5m') - known() == {
        "vigie_worker_postz_total",
        "vigie:late:ratio5m",
    }
