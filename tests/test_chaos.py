"""Three disturbed runs on real servers (`benchmarks/reliability.py`), which between them have every fault."""

from __future__ import annotations

import pytest
from servers import need

from benchmarks import reliability
from deploy.servers import missing_for_kafka, missing_for_redis

SCHEDULES = {
    101: ("worker killed", "poison", "broker stopped"),
    102: ("producer killed", "Redis killed", "third worker"),
    103: ("records twice", "broker killed", "Redis stopped"),
}


def test_the_schedules_have_every_fault():
    assert {kind for kinds in SCHEDULES.values() for kind in kinds} == set(reliability.FAULTS)
    assert {fault.kind for seed in range(1, 10) for fault in reliability.schedule(seed)} == set(
        reliability.FAULTS
    )


@pytest.mark.parametrize("seed", SCHEDULES)
def test_faults_lose_no_alert_and_make_none(seed):
    need(missing_for_kafka() or missing_for_redis())
    result = reliability.run(seed, SCHEDULES[seed])
    assert result["problems"] == []
    assert sorted(one["kind"] for one in result["faults"]) == sorted(SCHEDULES[seed])
    assert result["alerts"] >= 20
