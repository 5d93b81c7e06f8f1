"""A cluster of tasks in one process: topics are lists, a seeded scheduler says who is next, faults are calls.

It keeps what a broker and a worker promise and nothing more: records of one partition stay in order, what one
task sends to several partitions may overtake itself, a checkpoint is written only when all that was said
before it has arrived, and what had not arrived when a task dies is lost.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import orjson
from streams_of_posts import canonical

from detectors.events import CANARY, Item, Rejection
from detectors.state import Changes, Saved, applied
from detectors.windows import Gate
from streams.embedded import Settings
from streams.kafka import frames
from streams.kafka.canary import canaries
from streams.kafka.frames import Frame, Headers, home_of
from streams.kafka.stretches import Output
from streams.kafka.tasks import INPUTS, AccountsTask, CasesTask, PairsTask, SubjectsTask, Task
from streams.kafka.tasks.accounts import Counts
from streams.kafka.tasks.records import Record
from streams.kafka.wire import line_of
from streams.room import Room
from streams.sources.posts import decode_item

_MOST_STEPS = 2_000_000


def with_partitions(settings: Settings, partitions: int) -> Settings:
    """The same settings for another number of partitions."""
    kafka = msgspec.structs.replace(settings.kafka, partitions=partitions)
    return msgspec.structs.replace(settings, kafka=kafka)


# -- checkpoints -----------------------------------------------------------------------------------


@dataclass
class Kept:
    """The checkpoint of one task."""

    generation: int
    sequence: int
    offsets: dict[str, int]
    tables: Saved


class Store:
    """Keeps checkpoints, and refuses them, by the rules of `streams.kafka.checkpoints`."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.refused = 0

    def write(self, one: Incarnation, changes: Changes, offsets: dict[str, int], everything: bool) -> bool:
        before = self.kept.get(one.name)
        follows = before is not None and (before.sequence, before.generation) == (one.sequence, one.known)
        overtaken = before is not None and before.generation > one.generation and not follows
        if overtaken or not (everything or follows):
            self.refused += 1
            return False
        tables: Saved = {} if everything or before is None else before.tables
        self.kept[one.name] = Kept(one.generation, one.sequence + 1, offsets, applied(tables, changes))
        return True


class Incarnation:
    """A task from one start to its end, and what it has said that has not arrived."""

    def __init__(self, name: str, task: Task, offsets: dict[str, int], generation: int) -> None:
        self.name = name
        self.partition = int(name.partition(".")[2])
        self.task = task
        self.offsets = offsets
        self.generation = generation
        self.known = -1
        """Generation of the checkpoint that its next one follows."""
        self.sequence = 0
        self.everything = True
        self.cold = not any(offsets.values())
        """Whether it begins without a state, and must say so."""
        self.pending: dict[tuple[str, int], deque[Output]] = {}

    def put(self, outputs: Iterator[Output]) -> None:
        for output in outputs:
            assert output.partition is not None
            assert self.cold or ("cold", b"1") not in output.headers, "it forgot how far it had told"
            self.pending.setdefault((output.topic, output.partition), deque()).append(output)


# -- the producer ----------------------------------------------------------------------------------


class Sender:
    """Sends posts in order of arrival, in frames of any size, as `streams.kafka.producer` does."""

    def __init__(
        self, cluster: Cluster, arrivals: list[Item], name: str = "night", canary_each: int = 0
    ) -> None:
        self._cluster = cluster
        self._arrivals = arrivals
        self._name = name
        self._canary_each = canary_each
        self._rng = random.Random(cluster.rng.random())
        self._largest = self._rng.choice((3, 25, 120))
        self._newest_ms = 0
        self._lines: list[list[bytes]] = [[] for _ in range(cluster.partitions)]
        self._told: list[list[tuple[bytes, Headers]]] = [[] for _ in range(cluster.partitions)]
        self.gate = Gate(cluster.settings.time)
        self.position = 0
        self.done = False
        self.canaries: list[int] = []
        """Wall times of the canaries sent."""
        for lane in range(cluster.partitions):
            self._cut(lane)  # as every producer does: from now on time waits for it

    def step(self) -> None:
        """Read some posts, and let some frames go."""
        posts = self._arrivals[self.position : self.position + self._rng.randint(1, self._largest)]
        for post in self.gate.admit(posts):
            self._newest_ms = max(self._newest_ms, post.time_ms)
            self._line(post)
        before, self.position = self.position, self.position + len(posts)
        each = self._canary_each
        if each and before // each != self.position // each and self._newest_ms:
            self._send_canary()
        self.done = self.position >= len(self._arrivals)
        if self.done:
            tick_ms = self._cluster.settings.time.tick_s * 1000
            self.gate.advance(self._newest_ms - self._newest_ms % tick_ms + tick_ms)
        for lane in range(len(self._lines)):
            if self.done or self._rng.random() < 0.6:
                self._cut(lane)

    def again(self) -> int:
        """Send frames once more, mostly the last ones, as they were or as one; return how many posts."""
        repeated = 0
        for lane, told in enumerate(self._told):
            last = len(told) - self._rng.choice((0, 0, 1, 5))
            some = told[max(0, last - self._rng.randint(0, 4)) : max(0, last)]
            if some and self._rng.random() < 0.5:
                lines = [line for value, _ in some for line in value.split(b"\n") if line]
                frame = frames.decode_headers(some[-1][1])
                assert frame is not None
                some = [frames.encode(msgspec.structs.replace(frame, count=len(lines)), lines)]
            for value, headers in some:
                repeated += int(dict(headers)["count"])
                self._cluster.append("posts", lane, value, headers)
        return repeated

    def _line(self, item: Item) -> None:
        self._lines[home_of(item, len(self._lines))].append(line_of(item))

    def _send_canary(self) -> None:
        now_ms = 1_700_000_000_000 + self.position
        at_ms = max(self._newest_ms, self.gate.watermark_ms)
        for post in canaries(now_ms, at_ms):
            self._line(post)
        self.canaries.append(now_ms)

    def _cut(self, lane: int) -> None:
        lines, self._lines[lane] = self._lines[lane], []
        frame = Frame(
            producer=self._name,
            count=len(lines),
            watermark_ms=self.gate.watermark_ms,
            position=self.position,
            read=self.position,
            late=self.gate.late,
            final=self.done,
        )
        self._told[lane].append(frames.encode(frame, lines))
        self._cluster.append("posts", lane, *self._told[lane][-1])


# -- the cluster -----------------------------------------------------------------------------------


@dataclass
class Chaos:
    """How often, in each step, each fault strikes, and how many may in all."""

    rates: dict[str, float] = field(default_factory=dict)
    most: int = 30


class Cluster:
    """All tasks of all stages, on a few workers.

    Parameters
    ----------
    settings : Settings
    seed : int
        Decides everything: the same seed gives the same run.
    chaos : Chaos, optional
    workers : int
        Over how many workers the tasks are spread, which die as a whole.
    room : Room, optional
        What the watch room says.
    """

    def __init__(
        self,
        settings: Settings,
        seed: int,
        chaos: Chaos | None = None,
        workers: int = 2,
        room: Room | None = None,
    ) -> None:
        self.settings = settings
        self.room = room or Room()
        self.partitions = settings.kafka.partitions
        self.rng = random.Random(seed)
        self.store = Store()
        self.senders: list[Sender] = []
        self.struck: Counter[str] = Counter()
        """Faults that made a difference, by kind."""
        self.poison: list[tuple[str, int, int]] = []
        """Where the poison records are: topic, partition, offset."""
        self.seen: Counter[str] = Counter()
        """What the inboxes of tasks that died had counted; the living add to it at the end."""
        self.zombies: list[tuple[Incarnation, int]] = []
        self.steps = 0
        self._chaos = chaos or Chaos()
        # Fewer partitions take fewer steps.
        self._often = {1: 6.0, 2: 2.5, 3: 1.5}.get(self.partitions, 1.0)
        self._generation = 0
        self._clock_ms = 1_700_000_000_000
        one = ("findings", "background", "judged", "alerts", "dead-letters")
        parts = dict.fromkeys(("posts", "signals", "ties"), self.partitions) | dict.fromkeys(one, 1)
        self.topics: dict[str, list[list[Record]]] = {
            topic: [[] for _ in range(count)] for topic, count in parts.items()
        }
        stages = ("accounts", "subjects", "pairs")
        names = [f"{stage}.{number}" for stage in stages for number in range(self.partitions)]
        self.running: dict[str, Incarnation] = {}
        for name in [*names, "cases.0"]:
            self.running[name] = self._start(name)
        self.workers = [list(self.running)[number::workers] for number in range(workers)]
        # Some tasks are much slower than others: so some run far ahead.
        self._speed = {name: self.rng.choice((0.05, 1.0, 1.0, 5.0)) for name in self.running}

    def append(self, topic: str, partition: int, value: bytes, headers: Any, key: bytes | None = None) -> int:
        """Write one record; return its offset."""
        log = self.topics[topic][partition]
        log.append(Record(topic, partition, len(log), key, value, headers, 0))
        return len(log) - 1

    def run(self) -> None:
        """Go on until nothing is left to do and everybody has told how far he is."""
        self._until_still()
        for one, _ in self.zombies:
            self._let_die(one)
        self.zombies.clear()
        for _ in range(4):  # from stage to stage
            for one in self.running.values():
                one.put(one.task.heartbeat())
            self._until_still()

    def checkpoint(self, one: Incarnation) -> None:
        """As a worker does it: what changed, then all that was said arrives, then it is written."""
        everything, offsets = one.everything, dict(one.offsets)
        changes = one.task.changes(everything=everything)
        one.everything = True
        while one.pending:
            self._arrive(one)
        if self.store.write(one, changes, offsets, everything):
            one.sequence, one.everything, one.known = one.sequence + 1, False, one.generation

    # -- results -----------------------------------------------------------------------------------

    def alerts(self) -> list[bytes]:
        """The alerts in the topic, each id once, as canonical bytes; those of one id are the same.

        In order of appearance, unless a record was lost in the middle: then it comes after its successors.
        """
        found: dict[str, bytes] = {}
        for record in self.topics["alerts"][0]:
            alert = orjson.loads(record.value)
            alert["data"]["published_at"] = None
            line = canonical([alert])
            assert found.setdefault(alert["id"], line) == line, "two records with one id differ"
            assert dict(record.headers)["id"] == alert["id"].encode()
            assert record.key == alert["data"]["case_id"].encode()
        return sorted(found.values()) if self.struck["hole"] else list(found.values())

    def dead_letters(self) -> dict[tuple[str, int, int], list[dict[str, Any]]]:
        """The dead letters by the place of their record, without repetitions."""
        found: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
        for record in self.topics["dead-letters"][0]:
            letter = orjson.loads(record.value)
            letters = found.setdefault((letter["topic"], letter["partition"], letter["offset"]), [])
            if letter not in letters:
                letters.append(letter)
        return found

    def counts(self) -> list[Counts]:
        """Of all accounts tasks; the equation is checked for each."""
        found = []
        for partition in range(self.partitions):
            task = self.running[f"accounts.{partition}"].task
            assert isinstance(task, AccountsTask)
            c = task.counts
            outcomes = c.processed + c.duplicate + c.late + c.dead + c.shed + c.events
            assert c.taken == outcomes + task.buffer.held
            assert c.taken == sum(map(self._posts_in, self.topics["posts"][partition]))
            found.append(c)
        return found

    @property
    def cases(self) -> CasesTask:
        """The one task of the last stage."""
        task = self.running["cases.0"].task
        assert isinstance(task, CasesTask)
        return task

    def inboxes(self) -> Counter[str]:
        """What all inboxes there ever were have counted."""
        total = Counter(self.seen)
        for one in self.running.values():
            _add_inboxes(total, one)
        return total

    def _posts_in(self, record: Record) -> int:
        """How many posts a record of `posts` brings to its task, by the record alone."""
        try:
            frame = frames.decode_headers(record.headers)
            if frame is not None:
                return frame.count
            return int(home_of(decode_item(record.value), self.partitions) == record.partition)
        except Rejection:
            return 1

    # -- steps -------------------------------------------------------------------------------------

    def _until_still(self) -> None:
        while self._step():
            self.steps += 1
            assert self.steps < _MOST_STEPS, "it goes round in circles"

    def _step(self) -> bool:
        self.zombies = [one for one in self.zombies if self._lives(*one)]
        actions: list[Callable[[], None]] = []
        weights: list[float] = []
        for one in [*self.running.values(), *(zombie for zombie, _ in self.zombies)]:
            for topic, offset in one.offsets.items():
                if offset < len(self.topics[topic][one.partition]):
                    actions.append(partial(self._take, one, topic))
                    weights.append(self._speed[one.name])
            if one.pending:
                actions.append(partial(self._arrive, one))
                weights.append(2 * self._speed[one.name])
        for sender in self.senders:
            if not sender.done:
                actions.append(sender.step)
                weights.append(0.2)
        if not actions:
            return False
        self.rng.choices(actions, weights)[0]()
        if self.rng.random() < 0.03 * self._often:
            one = self._any()
            self.rng.choice((self.checkpoint, lambda some: some.put(some.task.heartbeat())))(one)
        self._strike()
        return True

    def _lives(self, zombie: Incarnation, until: int) -> bool:
        if self.steps < until:
            return True
        self._let_die(zombie)
        return False

    def _let_die(self, one: Incarnation) -> None:
        self.checkpoint(one)  # what a paused worker tries when it wakes up, and is refused
        _add_inboxes(self.seen, one)

    def _take(self, one: Incarnation, topic: str) -> None:
        offset = one.offsets[topic]
        one.put(one.task.take(self.topics[topic][one.partition][offset]))
        one.offsets[topic] = offset + 1

    def _arrive(self, one: Incarnation) -> None:
        """Some of what waits for one partition arrives."""
        place = self.rng.choice(list(one.pending))
        waiting = one.pending[place]
        for _ in range(self.rng.randint(1, len(waiting))):
            output = waiting.popleft()
            self.append(*place, output.value, output.headers, output.key)
        if not waiting:
            del one.pending[place]

    def _any(self) -> Incarnation:
        return self.rng.choice([*self.running.values(), *(zombie for zombie, _ in self.zombies)])

    # -- faults ------------------------------------------------------------------------------------

    def _strike(self) -> None:
        for kind, rate in self._chaos.rates.items():
            if self.struck.total() < self._chaos.most and self.rng.random() < rate * self._often:
                getattr(self, kind)()

    def crash(self, name: str | None = None) -> None:
        """A task loses its memory and what had not arrived, and begins at its checkpoint."""
        name = name or self.rng.choice(list(self.running))
        before = self.running[name]
        _add_inboxes(self.seen, before)
        self._generation += 1
        self.running[name] = self._start(name)
        self.struck["crash"] += before.offsets != self.running[name].offsets or bool(before.pending)

    def worker_dies(self) -> None:
        """All tasks of a worker crash at once."""
        for name in self.rng.choice(self.workers):
            self.crash(name)
        self.struck["worker_dies"] += 1

    def zombie(self) -> None:
        """A task is given to another worker while its first one goes on, for a while."""
        name = self.rng.choice(list(self.running))
        before = self.running[name]
        self._generation += 1
        self.running[name] = self._start(name)
        self.zombies.append((before, self.steps + self.rng.randint(50, 3000)))
        self.struck["zombie"] += before.offsets != self.running[name].offsets

    def lost_store(self) -> None:
        """The checkpoint of a task is gone when it starts again: it reads everything once more."""
        name = self.rng.choice(list(self.running))
        self.struck["lost_store"] += self.store.kept.pop(name, None) is not None
        self.crash(name)

    def hole(self) -> None:
        """A record that a task said is lost although later ones arrive; whoever loses one must exit."""
        holders = [one for one in self.running.values() if any(len(w) > 1 for w in one.pending.values())]
        if not holders:
            return
        one = self.rng.choice(holders)
        place = self.rng.choice([p for p, waiting in one.pending.items() if len(waiting) > 1])
        del one.pending[place][self.rng.randrange(len(one.pending[place]) - 1)]
        while one.pending:
            self._arrive(one)
        self.struck["hole"] += 1
        self.crash(one.name)

    def producer_restarts(self) -> None:
        """A producer sends its last frames again."""
        self.struck["producer_restarts"] += any(list(map(Sender.again, self.senders)))

    def poisoned(self) -> None:
        """A record that nobody can read, on any topic that is read."""
        topic = self.rng.choice(list(INPUTS))
        partition = self.rng.randrange(len(self.topics[topic]))
        value, headers = self.rng.choice(poison(self.rng, self.topics[topic][partition]))
        self.poison.append((topic, partition, self.append(topic, partition, value, headers)))
        self.struck[f"poison on {topic}"] += 1

    def _start(self, name: str) -> Incarnation:
        stage, _, number = name.partition(".")
        task = self._make(stage, int(number))
        kept = self.store.kept.get(name)
        offsets = {topic: 0 for topic, reader in INPUTS.items() if reader == stage}
        one = Incarnation(name, task, dict(kept.offsets) if kept else offsets, self._generation)
        if kept is not None:
            task.restore({table: dict(records) for table, records in kept.tables.items()})
            one.sequence, one.everything, one.known = kept.sequence, False, kept.generation
        task.track()
        return one

    def _make(self, stage: str, partition: int) -> Task:
        if stage == "accounts":
            return AccountsTask(partition, self.settings, room=self.room)
        if stage == "subjects":
            return SubjectsTask(partition, self.settings)
        if stage == "pairs":
            return PairsTask(partition, self.settings)
        return CasesTask(self.settings, self._now, self.room)

    def _now(self) -> int:
        self._clock_ms += 7
        return self._clock_ms


def _add_inboxes(total: Counter[str], one: Incarnation) -> None:
    for inbox in one.task.inboxes():
        total += Counter(repeated=inbox.repeated, holes=inbox.holes, late=inbox.late)


def poison(rng: random.Random, log: list[Record]) -> list[tuple[bytes, Any]]:
    """Records that cannot be read, with those that can be made from what stands in the log already."""
    stretch = [("vigie-stretch", b"1"), ("source", b"accounts.0"), ("after", b"0"), ("until", b"9" * 12)]
    frame = frames.encode_headers(Frame(producer="poison", count=2, watermark_ms=5, position=9))
    deep = b"\x91" * 50_000
    # A tick whose payload has a field too many, which a decoder would pass over: and that without end.
    deeper = b"\x91\x92\xcd\x13\x88\x96\x01\x90\x90\x90\x00" + deep
    made: list[tuple[bytes, Any]] = [
        (b"this is not JSON", []),
        (b"", []),
        (b'{"id":"1","platform":"x"', []),
        (b'{"id":["1"],"platform":7,"author_id":{},"created_at":"soon"}', []),
        (b"[" * 100_000, []),
        (rng.randbytes(300), [("vigie-frame", b"\xff"), ("vigie-stretch", None), ("\x00", b"\x00")]),
        (rng.randbytes(300), [("vigie-frame", b"1"), ("count", b"-3"), ("vigie-stretch", b"1")]),
        (b"no" * 450_000, []),
        (b'{"id":"only half of a frame","pla', frame),
        (b"neither\nof the two", frame),
        (rng.randbytes(200), [*stretch, ("vigie-frame", b"7")]),
        (b"\xc1" * 900_000, [*stretch, ("vigie-frame", b"7")]),
        (deep, [*stretch, ("vigie-frame", b"7")]),
        (deeper, [*stretch, ("vigie-frame", b"7")]),
        (deeper, [*stretch, ("vigie-frame", b"7")]),
        (
            msgspec.msgpack.encode([(5000, {"wrong": "types"}), "x"]),
            [*stretch, ("vigie-frame", b"7")],
        ),
        (b"", [("vigie-frame", b""), ("vigie-stretch", b"1"), ("source", b"nobody"), ("after", b"0")]),
        (
            b"",
            [
                ("vigie-frame", b""),
                ("vigie-stretch", b"1"),
                ("source", b"accounts.0"),
                ("after", b"0"),
                ("until", b"9" * 40),
            ],
        ),
    ]
    framed = [one for one in log if one.value and ("producer", b"night") in list(one.headers)]
    told = [one for one in log if _is_told(one)]
    if framed:
        one = rng.choice(framed)
        read = frames.decode_headers(one.headers)
        assert read is not None
        cut = msgspec.structs.replace(read, producer="cut", count=read.count + 1)
        made += [(one.value, frames.encode_headers(cut))] * 3
    if told:
        one = rng.choice(told)
        made += [(one.value[: len(one.value) // 2], one.headers)] * 3
    return made


def _is_told(record: Record) -> bool:
    try:
        msgspec.msgpack.decode(record.value)
    except (ValueError, RecursionError):
        return False
    return ("vigie-stretch", b"1") in list(record.headers)


def embedded_arrivals(posts: list[Item], rng: random.Random, late: int, duplicates: int) -> list[Item]:
    """The posts in an order of arrival inside the grace, some twice, and some beyond the grace."""
    grace_ms = 10_000
    copies = [msgspec.structs.replace(one) for one in rng.choices(posts, k=duplicates)]
    delay = dict.fromkeys(rng.sample(range(len(posts)), late), 4 * grace_ms)
    due = [(one.time_ms + delay.get(n, rng.randint(0, grace_ms)), n) for n, one in enumerate(posts)]
    due += [(one.time_ms + rng.randint(0, grace_ms), len(posts) + n) for n, one in enumerate(copies)]
    everything = posts + copies
    return [everything[number] for _, number in sorted(due)]


__all__ = ["CANARY", "Chaos", "Cluster", "Sender", "embedded_arrivals", "poison", "with_partitions"]
