"""docker-compose.yml and what it mounts, checked without Docker: nothing here has run in a container."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML
from servers import need

from deploy.servers import kafka_version
from streams import cli, settings
from streams.sources.opening import InputError

ROOT = Path(__file__).parent.parent
CLIENTS = {"topics", "simulate", "producer", "alerts", "record", "notify"}
"""They end by themselves, or serve nothing but metrics."""
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*")


def read(path: str) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(ROOT / path)
    return document


COMPOSE = read("docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)


def ours(environment: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(settings.PREFIX)}


def test_the_file_is_a_compose_file() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*check, str(ROOT / "docker-compose.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(OURS)))
def test_images_of_others_are_pinned(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])


def test_kafka_is_the_version_that_the_tests_run() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version()}"


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_all_agree(name: str) -> None:
    environment = ours(SERVICES[name]["environment"])
    in_force = settings.load(environment=environment)
    assert in_force.kafka.bootstrap in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert urlsplit(in_force.redis.url).hostname == "redis"
    # The partitions above all: whoever has another number refuses the topics.
    common = {name: value for name, value in environment.items() if "_RECEIVERS__" not in name}
    assert common == ours(SERVICES["topics"]["environment"])
    # Whom the alerts go to changes nothing of what is found.
    assert in_force.version() == settings.load(environment=common).version()


def test_the_receiver_that_is_told_is_the_alertmanager() -> None:
    (receiver,) = settings.load(environment=ours(SERVICES["notify"]["environment"])).receivers.values()
    url = urlsplit(receiver.url)
    assert (receiver.kind, url.hostname, url.port) == ("alertmanager", "alertmanager", 9093)
    volume, _, place = SERVICES["notify"]["volumes"][0].partition(":")
    assert volume in COMPOSE["volumes"]
    assert receiver.dead_letters.startswith(place)


def test_a_variable_that_is_no_setting_would_be_noticed() -> None:
    with pytest.raises(InputError):
        settings.load(environment={"VIGIE_KAFKA__BOOTSTRAPS": "kafka:29092"})


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_vigie(name: str) -> None:
    chosen = cli.parser().parse_args([str(word) for word in SERVICES[name]["command"]])
    assert callable(chosen.run)


def test_workers_can_be_scaled() -> None:
    assert "ports" not in SERVICES["worker"]
    assert "container_name" not in SERVICES["worker"]
    assert SERVICES["worker"]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - CLIENTS))
def test_what_serves_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_is_waited_for_can_come_true(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert wait["condition"] == "service_completed_successfully"
            assert "restart" not in SERVICES[other]  # else it would never be complete


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_mounts_exist_and_ports_are_of_this_machine_only(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        assert source in COMPOSE["volumes"] or (source.startswith("./") and any((ROOT / source).iterdir()))
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_the_producer_sends_what_was_simulated() -> None:
    folder = SERVICES["simulate"]["command"][-1]
    assert SERVICES["producer"]["command"][1] == f"{folder}/posts.jsonl"


def scraped(job: str) -> dict[str, Any]:
    """Where Prometheus looks for the targets of a job."""
    jobs = {one["job_name"]: one for one in read("deploy/prometheus/prometheus.yml")["scrape_configs"]}
    (found,) = jobs[job]["dns_sd_configs"]
    return dict(found)


def test_prometheus_scrapes_every_worker() -> None:
    found = scraped("vigie-worker")
    in_force = settings.load(environment=ours(SERVICES["worker"]["environment"]))
    assert (found["names"], found["type"], found["port"]) == (["worker"], "A", in_force.worker.port)
    assert SERVICES["worker"]["expose"] == [str(in_force.worker.port)]
    assert f":{in_force.worker.port}/" in SERVICES["worker"]["healthcheck"]["test"][-1]


def test_prometheus_scrapes_the_producer() -> None:
    found = scraped("vigie-producer")
    chosen = cli.parser().parse_args(SERVICES["producer"]["command"])
    assert (found["names"], found["type"], found["port"]) == (["producer"], "A", chosen.metrics_port)
    assert chosen.metrics_host == "0.0.0.0"
    assert SERVICES["producer"]["expose"] == [str(chosen.metrics_port)]


def test_prometheus_scrapes_the_recorder_whose_store_stays():
    found = scraped("vigie-record")
    service = SERVICES["record"]
    chosen = cli.parser().parse_args(service["command"])
    assert (found["names"], found["type"], found["port"]) == (["record"], "A", chosen.metrics_port)
    assert service["expose"] == [str(chosen.metrics_port)]
    volume, _, place = service["volumes"][0].partition(":")
    assert volume in COMPOSE["volumes"]
    assert chosen.store.startswith(f"{place}/")


def test_prometheus_takes_its_settings() -> None:
    need("" if shutil.which("promtool") else "promtool is missing: apt-get install prometheus")
    done = subprocess.run(
        ["promtool", "check", "config", str(ROOT / "deploy/prometheus/prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_and_grafana_fit_in() -> None:
    alerting = read("deploy/alertmanager/alertmanager.yml")
    assert alerting["route"]["receiver"] in [receiver["name"] for receiver in alerting["receivers"]]
    (source,) = read("deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert urlsplit(source["url"]).hostname in SERVICES
    (provider,) = read("deploy/grafana/provisioning/dashboards/vigie.yml")["providers"]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    inside = provider["options"]["path"]
    assert mounts["./deploy/grafana/dashboards"] == inside
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "deploy/grafana/dashboards" / home.removeprefix(f"{inside}/")).is_file()
    (managers,) = read("deploy/prometheus/prometheus.yml")["alerting"]["alertmanagers"]
    assert managers["static_configs"][0]["targets"][0].split(":")[0] in SERVICES


def test_the_image_is_pinned_and_has_a_user() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (base,) = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert PINNED.fullmatch(base)
    assert [line for line in lines if line.startswith("USER ")] == ["USER vigie"]
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in [name for names in copied for name in names]:
        assert (ROOT / name).exists()
        assert f"!{name}" in kept
