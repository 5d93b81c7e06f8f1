"""Alerts keep to their contract: the JSON Schema, CloudEvents, and what an alert must never say."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from short_night import posts as night_posts
from short_night import told
from streams_of_posts import SMALL, planted, post, robot, run, sentence

from detectors import alerts as alerting
from detectors.case import Judged
from detectors.severity import NOTICE
from streams.embedded import Pipeline
from streams.replay import Run, play

SCHEMA = orjson.loads((files("streams.outputs.schemas") / "vigie.alert.v1.json").read_bytes())
FORMATS = jsonschema.FormatChecker()
Told = tuple[list[dict[str, Any]], list[Judged]]


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=FORMATS)


@pytest.fixture(scope="module", params=["night", "synthetic"])
def stream(request) -> Told:
    if request.param == "night":
        return told()
    judged: list[Judged] = []
    return run(Pipeline(SMALL, on_judged=judged.append), planted(5, copiers=12, pushers=22).posts), judged


def walk(value: Any, path: str = "$") -> Any:
    yield path, value
    if isinstance(value, dict):
        for key, part in value.items():
            yield from walk(part, f"{path}.{key}")
    elif isinstance(value, list):
        for part in value:
            yield from walk(part, f"{path}[]")


# -- the schema itself -----------------------------------------------------------------------------


def test_the_schema_is_a_schema_and_names_itself_as_alerts_do():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == alerting.SCHEMA == SCHEMA["properties"]["dataschema"]["const"]
    assert SCHEMA["properties"]["type"]["const"] == alerting.TYPE


def test_the_published_names_agree_with_the_code():
    assert SCHEMA["$defs"]["detector"]["enum"] == list(alerting.DETECTORS)


def test_every_field_is_described_and_every_object_is_open_and_has_a_list_of_required_fields():
    def check(part: Any, path: str) -> None:
        if not isinstance(part, dict):
            return
        for name, field in part.get("properties", {}).items():
            assert field.get("description"), f"{path}.{name} has no description"
            check(field, f"{path}.{name}")
        if "properties" in part:
            assert part["additionalProperties"] is True, path
            assert set(part["required"]) == set(part["properties"]), path
        check(part.get("items"), f"{path}[]")

    check(SCHEMA, "$")
    for name, part in SCHEMA["$defs"].items():
        assert part.get("description"), name
        check(part, name)


def test_the_limits_are_those_of_the_contract():
    data, defs = SCHEMA["properties"]["data"]["properties"], SCHEMA["$defs"]
    group, finding = data["group"]["properties"], defs["finding"]["properties"]
    limits = [data["subjects"], group["accounts"], group["posts"], finding["accounts"], finding["posts"]]
    assert [one["maxItems"] for one in limits] == [200, 200, 50, 50, 20]


def test_a_schema_folder_is_a_package_so_that_it_ships():
    folder = Path(str(files("streams.outputs.schemas")))
    assert (folder / "__init__.py").is_file()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("id",), "c1.1"),
        (("time",), "2022-04-10 18:00:00"),
        (("time",), "2022-13-10T18:00:00.000Z"),
        (("specversion",), "0.3"),
        (("data", "severity"), "info"),
        (("data", "status"), "new"),
        (("data", "score"), 101),
        (("data", "probability"), 1.5),
        (("data", "detectors"), ["gossip"]),
        (("data", "not_proved"), []),
        (("data", "group", "accounts"), [2**60]),
        (("data", "group", "accounts"), [str(n) for n in range(201)]),
        (("data", "published_at"), "yesterday"),
        (("data", "related", "merged_into"), "x"),
    ],
)
def test_the_schema_refuses_what_is_wrong(path, value):
    alert = orjson.loads(orjson.dumps(told()[0][0]))
    *parents, last = path
    part = alert
    for name in parents:
        part = part[name]
    part[last] = value
    assert not VALIDATOR.is_valid(alert)


def test_the_schema_refuses_each_missing_field_and_takes_added_ones():
    alert = told()[0][0]
    for name in alert:
        assert not VALIDATOR.is_valid({key: value for key, value in alert.items() if key != name})
    for name in alert["data"]:
        less = {key: value for key, value in alert["data"].items() if key != name}
        assert not VALIDATOR.is_valid(alert | {"data": less})
    assert VALIDATOR.is_valid(alert | {"data": alert["data"] | {"added_later": 1}, "extension": "x"})


# -- alerts ----------------------------------------------------------------------------------------


def test_every_alert_keeps_to_the_schema(stream):
    alerts, _ = stream
    assert len(alerts) > 3
    for alert in alerts:
        VALIDATOR.validate(alert)


def test_every_alert_is_a_cloud_event(stream):
    for alert in stream[0]:
        assert alert["specversion"] == "1.0"
        assert all(isinstance(alert[name], str) and alert[name] for name in ("id", "source", "type"))
        assert alert["id"] == f"{alert['data']['case_id']}.{alert['data']['revision']}"
        main = alert["data"]["subjects"][0]
        assert alert["subject"] == f"{main['kind']}:{main['value']}"
        # Attributes are lower-case letters and digits, without control characters (CloudEvents 1.0, 3.1).
        assert all(re.fullmatch("[a-z0-9]+", name) for name in alert)
        assert all(value.isprintable() for name, value in alert.items() if name != "data")


def test_ids_are_unique_and_revisions_follow_each_other(stream):
    alerts, _ = stream
    assert len({alert["id"] for alert in alerts}) == len(alerts)
    revisions = defaultdict(list)
    for alert in alerts:
        revisions[alert["data"]["case_id"]].append(alert["data"])
    assert max(len(cases) for cases in revisions.values()) > 1
    for cases in revisions.values():
        assert [data["revision"] for data in cases] == list(range(1, len(cases) + 1))
        assert all((data["revision"] == 1) == (data["status"] == "open") for data in cases[:-1])
        assert all(data["status"] in ("open", "updated") for data in cases[:-1])
        scores = [data["score"] for data in cases]
        assert scores == sorted(scores)


def test_a_merged_case_names_the_one_that_goes_on(stream):
    known = {alert["data"]["case_id"] for alert in stream[0]}
    for alert in stream[0]:
        into = alert["data"]["related"]["merged_into"]
        assert (alert["data"]["status"] == "merged") == (into is not None)
        assert into is None or into in known


def test_every_finding_from_a_notice_on_appears_in_full(stream):
    alerts, judged = stream
    wanted = {}
    for finding, assessment, _ in judged:
        if assessment.score >= NOTICE and not assessment.open:
            wanted[finding.finding_id] = (
                finding.accounts_total,
                finding.posts_total,
                assessment.score,
                assessment.open,
            )
    assert len(wanted) > 3
    shown = {}
    for alert in alerts:
        for finding in alert["data"]["findings"]:
            shown[finding["finding_id"]] = (
                finding["accounts_total"],
                finding["posts_total"],
                finding["score"],
                False,
            )
    assert shown == wanted  # the last state that was worth a notice, and no finding beyond these


def test_openly_declared_groups_are_judged_and_never_alerted():
    alerts, judged = told()
    declared = {one.finding.finding_id for one in judged if one.assessment.open}
    assert declared
    assert not declared & {one["finding_id"] for alert in alerts for one in alert["data"]["findings"]}


def test_the_counts_cover_what_is_listed(stream):
    for alert in stream[0]:
        data = alert["data"]
        for part in (data["group"], *data["findings"]):
            assert part["accounts_total"] >= len(part["accounts"])
            assert part["posts_total"] >= len(part["posts"])
            times = [one["created_at"] for one in part["posts"]]
            assert times == sorted(times)
        assert data["subjects_total"] >= len(data["subjects"])
        assert data["window"]["start"] <= data["window"]["end"]
        assert data["first_seen"] <= data["detected_at"] <= alert["time"]


def test_the_evidence_is_in_the_input(stream):
    known = {(one.id, one.author_id) for one in night_posts()}
    known |= {(one.id, one.author_id) for one in planted(5, copiers=12, pushers=22).posts}
    for alert in stream[0]:
        for part in (alert["data"]["group"], *alert["data"]["findings"]):
            assert {(one["id"], one["author_id"]) for one in part["posts"]} <= known


def test_both_languages_say_who_how_many_and_why(stream):
    for alert in stream[0]:
        summary = alert["data"]["summary"]
        for language in ("en", "fr"):
            assert len(summary[language]) > 40
            assert len(re.findall(r"\d+", summary[language])) >= 2
            assert summary[language].endswith(".")
            assert "None" not in summary[language]
            assert "nan" not in summary[language].split()
        assert re.search(r"\(\d[\d,]* accounts, \d[\d,]* posts\)", summary["en"])
        assert re.search(r"\(\d[\d\u202f]* comptes, \d[\d\u202f]* messages\)", summary["fr"])
        assert set(re.findall(r"\d+", summary["en"])) == set(re.findall(r"\d+", summary["fr"]))


def test_french_has_its_spaces(stream):
    for alert in stream[0]:
        data = alert["data"]
        template = next((one["template"] for one in data["findings"] if one["template"]), "")
        texts = [data["summary"]["fr"], *(one["fr"] for one in data["reasons"] + data["not_proved"])]
        for text in texts:
            own = re.sub("«.*»", "", text) if template or "«" in text else text
            assert not re.search("(?<![\u00a0\u202f])[;:!?%]", own), own
            assert "« " not in own


def test_no_alert_attributes_or_says_more_than_was_seen(stream):
    forbidden = re.compile(
        r"bot ?net|bot network|r[ée]seau de (bots|robots)|troll|russia|kremlin|iran|china|"
        r"state[- ]sponsored|operated by|behind this is|campaign of|disinformation|propaganda|fake account",
        re.IGNORECASE,
    )
    for alert in stream[0]:
        data = alert["data"]
        own = [data["summary"], *data["reasons"], *data["not_proved"]]
        for text in own:
            for language in ("en", "fr"):
                words = re.sub("“.*”|«.*»|#\\w+", "", text[language])  # the operation's own words may be any
                assert not forbidden.search(words), words


def test_what_is_not_proved_is_always_said(stream):
    for alert in stream[0]:
        said = alert["data"]["not_proved"]
        assert said
        assert "does not prove who is behind" in said[0]["en"]
        assert "ne prouve ni qui est derrière" in said[0]["fr"]


def test_probability_stays_null_until_it_is_calibrated(stream):
    assert {alert["data"]["probability"] for alert in stream[0]} == {None}


def test_published_at_is_set_by_the_replay_alone_and_nothing_else_is_the_clock_s():
    posts = planted(5, copiers=12, pushers=22).posts
    quiet = run(Pipeline(SMALL), posts)
    assert {alert["data"]["published_at"] for alert in quiet} == {None}
    published = list(play([posts], Pipeline(SMALL), Run()))
    year = str(datetime.now().year)
    assert all(alert["data"].pop("published_at").startswith(year) for alert in published)
    for alert in quiet:
        del alert["data"]["published_at"]
    assert quiet == published
    assert year not in orjson.dumps(quiet).decode()  # the posts are of 2017


def test_ids_beyond_53_bits_are_intact_strings(stream):
    for alert in stream[0]:
        for path, value in walk(alert):
            if path.endswith(("id", "accounts[]", ".author_id")):
                assert isinstance(value, str)
    base = 2**60 + 1
    text = "@victim nobody wants to hear your tired old songs any more, pack your bags and go home"
    copies = [post(str(base + n), str(base + 10**6 + n), n * 1000, text) for n in range(9)]
    alerts = [orjson.loads(orjson.dumps(alert)) for alert in run(Pipeline(SMALL), copies)]
    group = alerts[-1]["data"]["group"]
    assert group["accounts"] == [str(base + 10**6 + n) for n in range(9)]
    assert [one["id"] for one in group["posts"]] == [str(base + n) for n in range(9)]


def test_a_hashtag_with_control_characters_makes_no_broken_event():
    posts = planted(5, copiers=12, pushers=22).posts
    for one in posts:
        if one.text.endswith("#pushed"):
            one.hashtags = ["x\x1b[2J\ny"]
    alerts = [one for one in run(Pipeline(SMALL), posts) if one["subject"].startswith("hashtag:x")]
    assert alerts
    for alert in alerts:
        assert alert["subject"] == "hashtag:x\ufffd[2j\ufffdy"
        assert alert["data"]["subjects"][0]["value"] == "x\x1b[2j\ny"  # ids are exactly the input's
        VALIDATOR.validate(alert)


def test_the_limits_hold_in_a_case_of_hundreds():
    text = "@victim nobody wants to hear your tired old songs any more, pack your bags and go home"
    copies = [post(f"p{n}", f"account{n:04}", n * 500, text, author=robot()) for n in range(300)]
    alerts = run(Pipeline(SMALL), copies)
    for alert in alerts:
        VALIDATOR.validate(alert)
    data = alerts[-1]["data"]
    assert (data["group"]["accounts_total"], len(data["group"]["accounts"])) == (300, 200)
    assert (data["group"]["posts_total"], len(data["group"]["posts"])) == (300, 50)
    finding = data["findings"][-1]
    assert (finding["accounts_total"], len(finding["accounts"])) == (300, 50)
    assert (finding["posts_total"], len(finding["posts"])) == (300, 20)
    assert data["group"]["posts"][0]["id"] == finding["posts"][0]["id"] == "p0"
    assert data["group"]["posts"][-1]["id"] == finding["posts"][-1]["id"] == "p299"


def test_two_networks_with_the_same_account_ids_keep_to_the_schema():
    rng_text = "nobody wants to hear your tired old songs any more, pack your bags and go home for good"
    copies = [
        post(f"p{n}", f"account{n // 2}", n * 500, rng_text, platform=("x", "y")[n % 2]) for n in range(12)
    ]
    alerts = run(Pipeline(SMALL), copies)
    assert alerts
    for alert in alerts:
        VALIDATOR.validate(alert)


def test_the_traits_of_an_alert_are_those_of_all_findings_and_each_says_of_which(stream):
    alerts, judged = stream
    results = {(one.finding.finding_id, trait.name, trait.state) for one in judged for trait in one.traits}
    named = set()
    for alert in alerts:
        names = [trait["name"] for trait in alert["data"]["traits"]]
        assert names == sorted(set(names))
        for trait in alert["data"]["traits"]:
            assert (trait["finding_id"], trait["name"], trait["state"]) in results
            named.add(trait["finding_id"])
    assert named


def test_a_trait_of_which_nothing_is_known_is_never_not_found():
    text = "nobody wants to hear your tired old songs any more, pack your bags and go home for good"
    alerts = run(Pipeline(SMALL), [post(f"p{n}", f"account{n}", n * 500, text) for n in range(12)])
    for trait in alerts[-1]["data"]["traits"]:
        assert trait["state"] in ("not_enough_data", "not_on_this_network")
        assert (trait["value"], trait["p_value"], trait["sentence"]) == (None, None, None)


def test_hostile_texts_do_not_break_an_alert():
    text = sentence(random.Random(4), 60, 90) + " \x1b[2J\u202e <script> [red] \u0000 \ud83d\ude02"
    text = text.encode("utf-16", "surrogatepass").decode("utf-16")
    alerts = run(Pipeline(SMALL), [post(f"p\x1b{n}", f"a\u202e{n}", n * 500, text) for n in range(5)])
    assert alerts
    for alert in alerts:
        VALIDATOR.validate(orjson.loads(orjson.dumps(alert)))
