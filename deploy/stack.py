"""The whole pipeline on this machine without Docker: `make stack`.

Starts a Kafka and a Redis of its own, makes the topics, runs two workers, the recorder and the console, plays
a simulated election night into Kafka and prints the alerts as they come. Ctrl-C stops everything. What it
keeps and logs is in .cache/stack/; each start begins anew unless --keep is given. Somebody else's Kafka or
Redis is left alone: the checkpoints in a Redis belong to the records of one Kafka.

It watches what it started: a worker that ends is started again with a line that says so.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.servers import (
    HOST,
    ROOT,
    KafkaBroker,
    RedisServer,
    Server,
    ServerError,
    dying_with_us,
    free_port,
    listening,
)

QUICK_S = 5.0
"""Who ends sooner than this after its start ended at once."""
MOST_QUICK_ENDS = 5
"""So often in a row, and it is given up."""
_OURS = ("VIGIE_KAFKA__", "VIGIE_REDIS__")


class Child:
    """One process of the pipeline, with its log, or with the terminal when it has none."""

    def __init__(
        self, name: str, command: Sequence[str], environment: dict[str, str], log: Path | None
    ) -> None:
        self.name = name
        self.log = log
        self.about = ""
        self.quick_ends = 0
        self._command = list(command)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0

    def start(self) -> None:
        """Start it, or start it again."""
        with contextlib.ExitStack() as opened:
            log = opened.enter_context(self.log.open("ab")) if self.log else None
            self._began = time.monotonic()
            # A session of its own: Ctrl-C is for us, who then stop everything in the right order.
            self._process = subprocess.Popen(
                dying_with_us(self._command),
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ended(self) -> int | None:
        """Its exit code when it has ended since its last start; counts the ends that came at once."""
        code = self._process.poll() if self._process else None
        if code is not None:
            self._sweep()
            is_quick = time.monotonic() - self._began < QUICK_S
            self.quick_ends = self.quick_ends + 1 if is_quick else 0
        return code

    def ask_to_end(self) -> None:
        """Send TERM."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def await_end(self, seconds: float) -> None:
        """Wait until it has ended; after so many seconds by KILL. Nothing that it started is left, either."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not end in {seconds:g} s and was killed.")
        self._sweep()
        self._process.wait()
        self._process = None

    def tail(self, lines: int = 12) -> str:
        """The last lines of its log."""
        if self.log is None:
            return ""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "".join(f"\n    {line}" for line in text.splitlines()[-lines:])

    def _sweep(self) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


class Stack:
    """All that runs, from the broker to the alerts in the terminal."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._state: Path = options.state
        self._posts: Path = options.night / "posts.jsonl"
        self._store = self._state / "night.db"
        self._kafka = KafkaBroker(_port("Kafka", 9092), self._state / "kafka")
        self._redis = RedisServer(_port("Redis", 6379), self._state / "redis")
        self._servers: list[Server] = [self._kafka, self._redis]
        self._workers: list[Child] = []
        self._ports: list[int] = []
        self._producer: Child | None = None
        self._reader: Child | None = None
        self._recorder: Child | None = None
        self._console: Child | None = None

    def start(self) -> None:
        """Start everything, each after what it needs."""
        for server in self._servers:
            say(f"Starting {server.name}.")
            server.start()
        self._run("topics", "topics", "create")
        if not self._posts.exists():
            self._simulate()
        for number in range(1, self._options.workers + 1):
            self._workers.append(self._worker(number))
        speed = ["--speed", f"{self._options.speed:g}"]
        self._producer = self._child("producer", "produce", str(self._posts), *speed)
        # From the start: an alert may come before the reader does.
        self._reader = self._child("alerts", "alerts", "tail", "--from-start", has_log=False)
        self._recorder = self._child("recorder", "record", "--store", str(self._store))
        self._recorder.about = f"into {_shown(self._store)}"
        self._console = self._page()
        self._tell()
        for child in [*self._workers, self._producer, self._reader, self._recorder, self._console]:
            child.start()

    def watch(self, seconds: float | None) -> None:
        """Start again what ends, until so many seconds have passed (or for ever).

        Raises
        ------
        ServerError
            When something ends again and again as soon as it is started.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while until is None or time.monotonic() < until:
            for server in self._servers:
                if not server.running:
                    say(f"{server.name} has ended and is started again over what it kept.")
                    server.start()
            for child in (*self._workers, self._recorder, self._console):
                if child:
                    self._revive(child, even_after_success=True)
            for child in (self._producer, self._reader):
                if child and self._revive(child):
                    say(f"{child.name} has done its work.")
                    self._forget(child)
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop everything: first who writes, last what the others need. It takes seconds, never for ever."""
        say("Stopping.")
        for group in ([self._producer], self._workers, [self._reader, self._recorder, self._console]):
            there = [child for child in group if child]
            for child in there:
                child.ask_to_end()
            for child in there:
                child.await_end(10)
        for server in reversed(self._servers):
            server.stop(10)
        say(f"All stopped. The logs are in {_shown(self._state)}.")

    def _revive(self, child: Child, even_after_success: bool = False) -> bool:
        """Start a child that has ended again; returns whether it ended well and needs no new start."""
        code = child.ended()
        if code is None:
            return False
        if code == 0 and not even_after_success:
            return True
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        if child.quick_ends >= MOST_QUICK_ENDS:
            raise ServerError(f"{child.name} {how} at once, {MOST_QUICK_ENDS} times in a row.{child.tail()}")
        said = child.tail() if child.quick_ends and code > 0 else ""
        say(f"{child.name} {how} and is started again.{said}")
        time.sleep(0.2 * child.quick_ends)
        child.start()
        return False

    def _forget(self, child: Child) -> None:
        if child is self._producer:
            self._producer = None
        else:
            self._reader = None

    def _worker(self, number: int) -> Child:
        port = _port(f"worker-{number}", 6069 + number)
        worker = self._child(f"worker-{number}", "worker", "--set", f"worker.port={port}")
        worker.about = f"http://{HOST}:{port}/metrics, /livez and /readyz"
        self._ports.append(port)
        return worker

    def _page(self) -> Child:
        port = _port("the console", 8765)
        workers = ",".join(f"http://{HOST}:{port}" for port in self._ports)
        # What was answered belongs to this stack, and begins anew with it.
        audit = f"console.audit_file={self._state / 'audit.jsonl'}"
        settings = ["--set", f"console.workers={workers}", "--set", audit]
        store = ["--store", str(self._store)]
        page = self._child("console", "console", "--listen", f"{HOST}:{port}", *store, *settings)
        page.about = f"http://{HOST}:{port}/"
        return page

    def _child(self, name: str, *command: str, has_log: bool = True) -> Child:
        log = self._state / f"{name}.log" if has_log else None
        return Child(name, [self._options.vigie, *command], self._environment(), log)

    def _environment(self) -> dict[str, str]:
        """That of the user, with our own broker and Redis in the place of whichever it names."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_OURS) or name == "VIGIE_KAFKA__PARTITIONS"
        }
        return kept | {"VIGIE_KAFKA__BOOTSTRAP": self._kafka.bootstrap, "VIGIE_REDIS__URL": self._redis.url}

    def _run(self, name: str, *command: str) -> None:
        """Run a command of Vigie to its end."""
        try:
            done = subprocess.run(
                [self._options.vigie, *command],
                cwd=ROOT,
                env=self._environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        except OSError as problem:
            raise ServerError(
                f"{self._options.vigie} cannot be run ({problem.strerror}): install it with  make setup"
            ) from None
        (self._state / f"{name}.log").write_text(done.stdout, encoding="utf-8")
        if done.returncode:
            end = "".join(f"\n    {line}" for line in done.stdout.splitlines()[-12:])
            raise ServerError(f"`vigie {' '.join(command)}` ended with code {done.returncode}.{end}")

    def _simulate(self) -> None:
        say(f"Writing an election night to {_shown(self._posts.parent)}, once.")
        try:
            self._run("simulate", "simulate", "election-night", "--out", str(self._posts.parent))
        except BaseException:
            self._posts.unlink(missing_ok=True)  # half a night must not be taken for a whole
            raise

    def _tell(self) -> None:
        for server in self._servers:
            say(f"{server.name}: {server.address}, log {_shown(server.log)}")
        for child in [*self._workers, self._producer, self._recorder, self._console]:
            if child and child.log:
                say(f"{child.name}: {child.about or self._night()}, log {_shown(child.log)}")
        say("The alerts follow. Ctrl-C stops everything.")

    def _night(self) -> str:
        return f"{_shown(self._posts)} at {self._options.speed:g} times its speed"


def say(sentence: str) -> None:
    """Print a line for the person at the terminal, beside the alerts."""
    print(f"stack: {sentence}", file=sys.stderr, flush=True)


def _port(name: str, usual: int) -> int:
    """The usual port, or another when somebody has it: what is not ours is left alone."""
    if not listening(usual):
        return usual
    other = free_port()
    say(f"Port {usual} is taken by somebody else; {name} gets {other}.")
    return other


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ServerError(f"A stack runs already with its state in {_shown(state)}.") from None
        yield


def _begin_anew(state: Path) -> None:
    for path in state.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _alone(options.state):
            if not options.keep:
                _begin_anew(options.state)
            return _play(options)
    except ServerError as problem:
        say(str(problem))
        return 1


def _play(options: argparse.Namespace) -> int:
    stack = Stack(options)
    try:
        stack.start()
        stack.watch(options.seconds)
        return 0
    except KeyboardInterrupt:
        return 0
    except ServerError as problem:
        say(str(problem))
        return 1
    finally:
        # Stopping has its own bounds; another Ctrl-C must not leave half of it running.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        stack.stop()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.stack",
        description="Kafka, Redis, workers and a simulated night on this machine.",
    )
    parser.add_argument("--speed", type=float, default=240, help="how fast the night plays (240)")
    parser.add_argument("--workers", type=int, default=2, help="how many workers (2)")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    parser.add_argument("--keep", action="store_true", help="go on where the last start ended")
    parser.add_argument(
        "--state", type=Path, default=ROOT / ".cache" / "stack", help="what it keeps (.cache/stack)"
    )
    parser.add_argument(
        "--night", type=Path, default=ROOT / "out" / "night", help="what is played (out/night)"
    )
    beside = Path(sys.executable).with_name("vigie")
    parser.add_argument("--vigie", default=str(beside), help=f"the command of Vigie ({beside.name})")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
