"""Checkpoints in a real Redis: whole, in order, of one writer; and a worker that cannot read its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from redis import Redis
from worker_room import wait_for

from deploy.servers import free_port
from detectors.state import STATE_FORMAT
from streams.kafka import clients
from streams.kafka.checkpoints import (
    Checkpoints,
    Head,
    Incomplete,
    Overtaken,
    StoreGone,
    StoreRefuses,
    WrongFormat,
)
from streams.kafka.leaving import BAD_USE
from streams.kafka.settings import RedisSettings
from streams.kafka.tasks import INPUTS


@asynccontextmanager
async def checkpoints(url: str, space: str) -> AsyncIterator[Checkpoints]:
    made = Checkpoints(RedisSettings(url=url), space)
    try:
        yield made
    finally:
        await made.close()


def head(sequence: int, generation: int = 1, tables: tuple[str, ...] = ("a",), **more: Any) -> Head:
    return Head(
        format=more.pop("format", STATE_FORMAT),
        settings="s",
        sequence=sequence,
        generation=generation,
        offsets=more.pop("offsets", {"posts": sequence}),
        written_ms=1,
        tables=list(tables),
        **more,
    )


@pytest.fixture
def space() -> str:
    return f"test:{uuid.uuid4().hex}"


def test_a_checkpoint_is_what_was_written_bit_by_bit(redis_server, space):
    async def check() -> None:
        async with checkpoints(redis_server, space) as store:
            assert await store.load("t") is None
            await store.write("t", head(1), {"a": {"x": b"1", "y": b"2"}}, everything=True)
            await store.write(
                "t", head(2, tables=("a", "b")), {"a": {"x": None}, "b": {"": b"3"}}, everything=False
            )
            await store.write("t", head(3), {"a": {"z": b"4"}}, everything=False)
            loaded = await store.load("t")
            assert loaded is not None
            assert loaded[0].offsets == {"posts": 3}
            assert loaded[1] == {"a": {"y": b"2", "z": b"4"}, "b": {"": b"3"}}
            await store.write("t", head(9, tables=("c",)), {"c": {"w": b"5"}}, everything=True)
            loaded = await store.load("t")
            assert loaded is not None
            assert loaded[1] == {"c": {"w": b"5"}}, "whatever stood there is gone"

    asyncio.run(check())


def test_a_checkpoint_is_refused_when_it_does_not_follow_the_one_that_is_there(redis_server, space):
    async def check() -> None:
        async with checkpoints(redis_server, space) as store:
            with pytest.raises(Incomplete):
                await store.write("t", head(1), {"a": {}}, everything=False)
            await store.write("t", head(1, 5), {"a": {"x": b"1"}}, everything=True)
            for wrong in (1, 3):
                with pytest.raises(Incomplete):
                    await store.write("t", head(wrong, 5), {"a": {}}, everything=False)
            await store.write("t", head(2, 6), {"a": {"x": b"2"}}, everything=False)
            for whole in (False, True):  # of a worker that was paused
                with pytest.raises(Overtaken):
                    await store.write("t", head(3, 5), {"a": {"x": b"0"}}, everything=whole, known=5)
            loaded = await store.load("t")
            assert loaded is not None
            assert (loaded[0].sequence, loaded[1]) == (2, {"a": {"x": b"2"}})

    asyncio.run(check())


def test_generations_that_begin_again_do_not_lock_a_checkpoint(redis_server, space):
    """A broker forgets a group that had no worker for a week, and counts from one again."""

    async def check() -> None:
        async with checkpoints(redis_server, space) as store:
            await store.write("t", head(1, 50), {"a": {"x": b"1"}}, everything=True)
            await store.write("t", head(2, 1), {"a": {"x": b"2"}}, everything=False, known=50)
            await store.write("t", head(3, 1), {"a": {"x": b"3"}}, everything=True, known=1)
            loaded = await store.load("t")
            assert loaded is not None
            assert loaded[1] == {"a": {"x": b"3"}}

    asyncio.run(check())


def test_of_two_writers_at_one_moment_one_is_refused_and_nothing_is_mixed(redis_server, space):
    async def check() -> None:
        async with checkpoints(redis_server, space) as one, checkpoints(redis_server, space) as other:
            await one.write("t", head(0), {"a": {"": b"0"}}, everything=True)
            refused = 0
            for sequence in range(1, 40):
                mark = b"%d" % sequence
                records: dict[str, bytes | None] = {str(n): mark for n in range(3000)}
                tries = await asyncio.gather(
                    *(
                        store.write(
                            "t",
                            head(sequence, offsets={"posts": who}),
                            {"a": {name: value + b"%d" % who for name, value in records.items() if value}},
                            everything=False,
                        )
                        for who, store in enumerate((one, other))
                    ),
                    return_exceptions=True,
                )
                wrong = [problem for problem in tries if problem is not None]
                assert all(isinstance(problem, Incomplete) for problem in wrong)
                assert len(wrong) == 1
                refused += 1
                loaded = await one.load("t")
                assert loaded is not None
                winner = b"%d" % loaded[0].offsets["posts"]
                assert {loaded[1]["a"][name] for name in records} == {mark + winner}
            assert refused == 39

    asyncio.run(check())


def test_large_checkpoints_are_written_read_and_forgotten_whole(redis_server, space):
    async def check() -> None:
        async with checkpoints(redis_server, space) as store:
            many: dict[str, bytes | None] = {f"record {n}": b"%d" % n for n in range(100_000)}
            await store.write("t", head(1, tables=("a", "b")), {"a": many, "b": {"": b"x"}}, everything=True)
            await store.write("t", head(2), {"a": dict.fromkeys(many)}, everything=False)
            await store.write("t", head(3), {"a": many}, everything=False)
            loaded = await store.load("t")
            assert loaded is not None
            assert loaded[1]["a"] == many
            await store.write("tt", head(1), {"a": {"x": b"1"}}, everything=True)
            await store.forget("t")
            assert await store.load("t") is None
            assert await store.load("tt") is not None
        with Redis.from_url(redis_server) as redis:
            assert [
                key for key in redis.keys(f"{space}:*") if not key.startswith(f"{space}:tt".encode())
            ] == []

    asyncio.run(check())


def test_a_store_that_is_away_and_one_of_another_form_are_told_apart(redis_server, space):
    async def check() -> None:
        async with checkpoints(f"redis://127.0.0.1:{free_port()}", space) as store:
            with pytest.raises(StoreGone) as problem:
                await store.load("t")
            assert not isinstance(problem.value, StoreRefuses)
        async with checkpoints(redis_server, space) as store:
            await store.write("t", head(1, format=STATE_FORMAT + 1), {"a": {"x": b"1"}}, everything=True)
            with pytest.raises(WrongFormat, match="run the version that wrote it, or start anew"):
                await store.load("t")

    asyncio.run(check())


def test_a_checkpoint_that_cannot_be_read_ends_the_worker_until_it_is_told_to_forget(make_room):
    room = make_room(partitions=1)
    space = f"vigie:{room.kafka.prefix}{{}}:{clients.cluster_id(room.kafka)}:"
    key, damaged_key = space.format("vigie") + "subjects.0", space.format("damaged") + "subjects.0"
    with Redis.from_url(room.redis.url) as redis:
        redis.set(key, msgspec.msgpack.encode(head(1, 50, format=STATE_FORMAT + 1)))
        redis.set(damaged_key, msgspec.msgpack.encode(head(1, tables=("task",), offsets={"signals": 0})))
        redis.hset(f"{damaged_key}:task", "", b"\xc1 damaged")
        other_form, damaged = room.worker(), room.worker("--set", "worker.app=damaged")
        assert other_form.ended() == BAD_USE
        assert f"format {STATE_FORMAT + 1}, this version reads {STATE_FORMAT}" in other_form.text
        assert "--forget-state" in other_form.text

        assert damaged.ended() == BAD_USE
        assert "the checkpoint of subjects.0 cannot be read" in damaged.text
        assert "--forget-state" in damaged.text

        # On a busy machine its other tasks had begun before it left; those go back, and none else.
        begun = {f"{INPUTS[topic]}.{partition}" for topic, partition in room.committed()}
        fresh = room.worker("--forget-state")
        fresh.ready()
        fresh.covered()
        assert set(fresh.status()["rewound"]) == begun
        assert set(room.heads()) == {"accounts.0", "subjects.0", "pairs.0", "cases.0"}
        assert fresh.stop() == 0, fresh.text

        # The broker has forgotten the group meanwhile: its generations begin with one again.
        aged = {name: msgspec.structs.replace(one, generation=50) for name, one in room.heads().items()}
        for name, one in aged.items():
            redis.set(key.replace("subjects.0", name), msgspec.msgpack.encode(one))
    again = room.worker()
    again.ready()
    wait_for("checkpoints", lambda: all(one.generation < 50 for one in room.heads().values()))
    assert "belongs to another worker" not in again.text
    assert again.stop() == 0, again.text
