"""Kafka and Redis on this machine, without Docker: for the tests, for `make stack`, and by hand.

    python3 -m deploy.servers fetch                                   Kafka's jars, once, by Maven
    python3 -m deploy.servers start kafka --port 9092 --data DIR
    python3 -m deploy.servers start redis --port 6379 --data DIR
    python3 -m deploy.servers status kafka --data DIR
    python3 -m deploy.servers stop kafka --data DIR

Run it from the top of the checkout. It needs nothing but Python's standard library, so that the servers
can be had before Vigie is installed. One node, on the loopback address: not a way to run in production.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
POM = ROOT / "deploy" / "kafka" / "pom.xml"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
HOST = "127.0.0.1"
_FORMAT = "kafka.tools.StorageTool"
# A frame of posts may have 4 MiB, one post on the longest line that is read 8 MiB; the rest is headers.
MAX_MESSAGE_BYTES = 10 * 1024 * 1024
# Below the range from which systems give ports to clients: a client that looks for a stopped server could
# otherwise be given the server's own port, and keep it from starting again.
PORTS = range(20000, 32000)


_given: set[int] = set()


class ServerError(Exception):
    """A server that is missing, or did not start; the message is one that a person can act on."""


@dataclass(frozen=True)
class Secret:
    """A password, and the certificates of an encrypted connection.

    Attributes
    ----------
    user, password : str
        Who may connect. Redis knows no user here.
    ca : Path
        The certificate that clients must trust.
    certificate, key : Path
        The server's own.
    """

    user: str
    password: str
    ca: Path
    certificate: Path
    key: Path


class Server:
    """A server process, with all that it keeps in one directory, over which it can be started again."""

    name = "server"

    def __init__(self, port: int, data: Path, secret: Secret | None = None) -> None:
        self.port = port
        self.data = Path(data).resolve()
        self.secret = secret
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.data / f"{self.name}.log"

    def start(self, timeout_s: float = 90, tied: bool = True) -> None:
        """Start it and wait until it answers.

        Parameters
        ----------
        timeout_s : float
            How long to wait before it is given up.
        tied : bool
            Whether it dies with this process, however that ends (on Linux; strictly, with the thread
            that calls this).

        Raises
        ------
        ServerError
            When it is missing, ends, or does not answer in time.
        """
        if listening(self.port):
            raise ServerError(f"Port {self.port} is taken already: choose another for {self.name}.")
        self.data.mkdir(parents=True, exist_ok=True)
        self._prepare()
        with self.log.open("ab") as log:
            begun = log.tell()
            command = dying_with_us(self._command()) if tied else self._command()
            # A session of its own: Ctrl-C is for us, who then stop the servers in the right order.
            self._process = subprocess.Popen(
                command,
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._remember(self._process.pid)
        try:
            self._await(begun, timeout_s)
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout_s: float = 20) -> None:
        """End it in good order (TERM), or by KILL when it takes too long."""
        pid = self.pid
        if pid is not None:
            _signal(pid, signal.SIGTERM)
            if not self._gone_within(timeout_s):
                self.kill()
        self._forget()

    def kill(self) -> None:
        """End it at once, as a crash would (KILL)."""
        pid = self.pid
        if pid is not None:
            _signal(pid, signal.SIGKILL)
            self._gone_within(10)
        self._forget()

    @property
    def pid(self) -> int | None:
        """Its process, also when another process of ours started it; None when it does not run."""
        if self._process is not None:
            return None if self._process.poll() is not None else self._process.pid
        try:
            pid = int(json.loads(self._state.read_text(encoding="utf-8"))["pid"])
        except (OSError, ValueError, KeyError):
            return None
        # The number may belong to somebody else by now: ours names its directory.
        return pid if str(self.data) in _command_of(pid) else None

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.pid is not None

    def tail(self, lines: int = 15) -> str:
        """The last lines that it printed."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return ""

    @property
    def _state(self) -> Path:
        return self.data / f"{self.name}.json"

    def _remember(self, pid: int) -> None:
        self._state.write_text(json.dumps({"pid": pid, "port": self.port}), encoding="utf-8")

    def _forget(self) -> None:
        self._process = None
        self._state.unlink(missing_ok=True)

    def _await(self, begun: int, timeout_s: float) -> None:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if not self.running:
                raise ServerError(f"{self.name} ended at once. The end of {self.log}:\n{self.tail()}")
            if self._answers(begun):
                return
            time.sleep(0.05)
        raise ServerError(
            f"{self.name} did not answer in {timeout_s:g} s. The end of {self.log}:\n{self.tail()}"
        )

    def _gone_within(self, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if not self.running:
                return True
            time.sleep(0.02)
        return not self.running

    def _printed(self, begun: int, words: bytes) -> bool:
        with self.log.open("rb") as log:
            log.seek(begun)
            return words in log.read()

    def _prepare(self) -> None:
        """Write what it needs before it can start."""

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self, begun: int) -> bool:
        raise NotImplementedError


def _cluster_id() -> str:
    """A new identity, so that checkpoints of another storage are not taken for this one's."""
    return "V" + secrets.token_urlsafe(16)[1:22]


class KafkaBroker(Server):
    """One Kafka node that is broker and controller, from the jars that Maven fetched.

    With a secret, clients must come by SASL_SSL with the mechanism PLAIN; without, in the clear.
    """

    name = "kafka"

    def __init__(
        self, port: int, data: Path, controller_port: int | None = None, secret: Secret | None = None
    ) -> None:
        super().__init__(port, data, secret)
        self._controller_port = controller_port or free_port()
        self._inside_port = free_port() if secret else port

    @property
    def bootstrap(self) -> str:
        """What clients call the bootstrap servers."""
        return self.address

    @property
    def _properties(self) -> Path:
        return self.data / "server.properties"

    def _prepare(self) -> None:
        fetch()
        _private(self._properties, "".join(f"{key}={value}\n" for key, value in self._settings().items()))
        if (self.data / "log" / "meta.properties").exists():
            return
        done = subprocess.run(
            [*_java(64), _FORMAT, "format", "-t", _cluster_id(), "-c", str(self._properties)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerError(
                f"Kafka's storage in {self.data} cannot be formatted:\n{done.stdout}{done.stderr}"
            )

    def _command(self) -> list[str]:
        return [*_java(384), "kafka.Kafka", str(self._properties)]

    def _answers(self, begun: int) -> bool:
        # It says so when it has registered with its controller; its port opens earlier, and then it
        # would tell clients of a cluster without brokers.
        return self._printed(begun, b"Kafka Server started") and listening(self.port)

    def _settings(self) -> dict[str, object]:
        listeners = [f"CLIENTS://{self.address}", f"CONTROLLER://{HOST}:{self._controller_port}"]
        protocols = ["CONTROLLER:PLAINTEXT", f"CLIENTS:{'SASL_SSL' if self.secret else 'PLAINTEXT'}"]
        inside = "CLIENTS"
        if self.secret:  # it talks to itself beside the guarded door
            inside = "INSIDE"
            listeners.append(f"INSIDE://{HOST}:{self._inside_port}")
            protocols.append("INSIDE:PLAINTEXT")
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{HOST}:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": ",".join(listeners),
            "advertised.listeners": ",".join(one for one in listeners if not one.startswith("CONTROLLER")),
            "listener.security.protocol.map": ",".join(protocols),
            "inter.broker.listener.name": inside,
            "log.dirs": self.data / "log",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "replica.fetch.max.bytes": MAX_MESSAGE_BYTES,
            # One node holds every copy there is.
            "default.replication.factor": 1,
            "min.insync.replicas": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            # A third of the small heap would go to the cleaner otherwise.
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
            "num.network.threads": 2,
            "num.io.threads": 4,
        } | self._guard()

    def _guard(self) -> dict[str, object]:
        if self.secret is None:
            return {}
        pem = self.data / "keystore.pem"
        _private(pem, self.secret.key.read_text() + self.secret.certificate.read_text())
        guard = "listener.name.clients."
        return {
            guard + "ssl.keystore.type": "PEM",
            guard + "ssl.keystore.location": pem,
            guard + "sasl.enabled.mechanisms": "PLAIN",
            guard + "plain.sasl.jaas.config": (
                "org.apache.kafka.common.security.plain.PlainLoginModule required "
                f'user_{self.secret.user}="{self.secret.password}";'
            ),
        }


class RedisServer(Server):
    """A Redis that keeps what it is given (append-only file, synced each second).

    With a secret it is reached by TLS only, and asks for the password.
    """

    name = "redis"

    @property
    def url(self) -> str:
        """The address as Redis clients take it, without the password."""
        return f"{'rediss' if self.secret else 'redis'}://{self.address}/0"

    def _prepare(self) -> None:
        if shutil.which("redis-server") is None:
            raise ServerError("redis-server is missing: install it with  apt-get install redis-server")
        lines = [
            f"bind {HOST}",
            f'dir "{self.data}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            # Its process must name its directory, by which it is known again.
            'proc-title-template "{title} {config-file}"',
            f"port {0 if self.secret else self.port}",
        ]
        if self.secret:
            lines += [
                f"tls-port {self.port}",
                f'tls-cert-file "{self.secret.certificate}"',
                f'tls-key-file "{self.secret.key}"',
                f'tls-ca-cert-file "{self.secret.ca}"',
                "tls-auth-clients no",
                f'requirepass "{self.secret.password}"',
            ]
        _private(self.data / "redis.conf", "\n".join(lines) + "\n")

    def _command(self) -> list[str]:
        return ["redis-server", str(self.data / "redis.conf")]

    def _answers(self, begun: int) -> bool:
        # NOAUTH is an answer, too; LOADING is not yet one.
        return self._ping().startswith((b"+PONG", b"-NOAUTH"))

    def _ping(self) -> bytes:
        try:
            with contextlib.ExitStack() as opened:
                line = opened.enter_context(socket.create_connection((HOST, self.port), timeout=2))
                if self.secret:
                    trust = ssl.create_default_context(cafile=str(self.secret.ca))
                    line = opened.enter_context(trust.wrap_socket(line, server_hostname="localhost"))
                line.sendall(b"PING\r\n")
                return line.recv(64)
        except OSError:
            return b""


def fetch() -> Path:
    """The directory with Kafka's jars; Maven fetches them when they are not there yet.

    Raises
    ------
    ServerError
        When Java or Maven is missing, or Maven fails.
    """
    if shutil.which("java") is None:
        raise ServerError("Java is missing: install it with  apt-get install openjdk-17-jre-headless")
    jars = ROOT / ".cache" / "kafka" / kafka_version()
    if jars.is_dir():
        return jars
    jars.parent.mkdir(parents=True, exist_ok=True)
    with _locked(jars.parent / "lock"):
        if not jars.is_dir():  # another process may have been faster
            _copy_jars(jars)
    return jars


def kafka_version() -> str:
    """The version that the POM names."""
    found = re.search(r"<kafka\.version>(.*?)</kafka\.version>", POM.read_text(encoding="utf-8"))
    if found is None:
        raise ServerError(f"{POM} names no kafka.version.")
    return found[1]


def missing_for_kafka() -> str:
    """Why no broker can be started here, or an empty string."""
    try:
        fetch()
    except ServerError as problem:
        return str(problem)
    return ""


def missing_for_redis() -> str:
    """Why no Redis can be started here, or an empty string."""
    return "" if shutil.which("redis-server") else "redis-server is missing: apt-get install redis-server"


def free_port() -> int:
    """A port that nobody listens on, another one each time.

    By the system's own randomness: tests seed Python's, and would all be given the same ports.
    """
    for port in random.SystemRandom().sample(PORTS, 200):
        if port in _given:
            continue
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind((HOST, port))
            _given.add(port)
            return port
    raise ServerError(f"No port from {PORTS.start} to {PORTS.stop} is free.")


def make_secret(folder: Path, user: str = "vigie", password: str = "only-for-this-run") -> Secret:
    """A certificate authority of one's own, a certificate for this machine signed by it, and a password."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = Secret(user, password, folder / "ca.pem", folder / "server.pem", folder / "server.key")
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    authority = [
        *new,
        "-subj",
        "/CN=Vigie on one machine",
        "-keyout",
        str(folder / "ca.key"),
        "-out",
        str(secret.ca),
    ]
    server = [*new, "-subj", "/CN=localhost", "-keyout", str(secret.key), "-out", str(secret.certificate)]
    server += ["-CA", str(secret.ca), "-CAkey", str(folder / "ca.key")]
    server += [
        "-addext",
        f"subjectAltName=DNS:localhost,IP:{HOST}",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]
    for command in (authority, server):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise ServerError("openssl is missing: install it with  apt-get install openssl") from None
        if done.returncode:
            raise ServerError(f"openssl could not make a certificate:\n{done.stderr}")
    return secret


def _copy_jars(jars: Path) -> None:
    if shutil.which("mvn") is None:
        raise ServerError(
            "Kafka's jars are not in .cache/ yet, and Maven, which fetches them, is missing: "
            "install it with  apt-get install maven"
        )
    with tempfile.TemporaryDirectory(dir=jars.parent) as scratch:
        copied = Path(scratch) / "jars"
        done = subprocess.run(
            [
                "mvn",
                "-q",
                "-B",
                "-f",
                str(POM),
                COPY,
                "-DincludeScope=runtime",
                f"-DoutputDirectory={copied}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            errors = "\n".join((done.stdout + done.stderr).strip().splitlines()[:6])
            raise ServerError(f"Maven could not fetch Kafka {jars.name}:\n{errors}")
        copied.rename(jars)  # all of them or none


def _java(heap_mb: int) -> list[str]:
    small = [f"-Xms{min(heap_mb, 128)}m", f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    logs = ["-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    # The one class that says when the broker is ready.
    logs += ["-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info"]
    return ["java", *small, *logs, "-Djava.awt.headless=true", "-cp", f"{fetch()}/*"]


def dying_with_us(command: list[str]) -> list[str]:
    """The command, made to die with this process however that ends (on Linux)."""
    if sys.platform == "linux" and shutil.which("setpriv"):
        return ["setpriv", "--pdeathsig", "KILL", "--", *command]
    return command


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _private(path: Path, text: str) -> None:
    """Write a file that only its owner may read: it may hold a password."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def listening(port: int) -> bool:
    """Whether somebody listens on this port of this machine."""
    with socket.socket() as trial:
        trial.settimeout(2)
        return trial.connect_ex((HOST, port)) == 0


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _command_of(pid: int) -> str:
    """The command line of a process; empty when there is none."""
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    return subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = _options(arguments)
    try:
        if options.do == "fetch":
            print(f"Kafka {kafka_version()} is in {fetch().relative_to(ROOT)}.")
            return 0
        return _do(options)
    except ServerError as problem:
        print(problem, file=sys.stderr)
        return 2


def _do(options: argparse.Namespace) -> int:
    kinds: dict[str, type[Server]] = {"kafka": KafkaBroker, "redis": RedisServer}
    data = options.data or ROOT / ".cache" / "servers" / options.server
    secret = None
    if options.do == "start" and options.password_file:
        password = options.password_file.read_text(encoding="utf-8").strip()
        secret = make_secret(Path(data) / "tls", password=password)
    server = kinds[options.server](
        options.port or {"kafka": 9092, "redis": 6379}[options.server], data, secret=secret
    )
    if options.do == "start":
        server.start(tied=False)
        guarded = f", for the user {secret.user} over TLS (trust {secret.ca})" if secret else ""
        print(f"{server.name} answers at {server.address}{guarded}. Its data and log are in {server.data}.")
        return 0
    pid = server.pid
    if options.do == "stop":
        server.stop()
        print(f"{server.name} was stopped." if pid else f"{server.name} does not run from {server.data}.")
        return 0
    print(
        f"{server.name} runs from {server.data} as process {pid}." if pid else f"{server.name} does not run."
    )
    return 0 if pid else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m deploy.servers", description="Kafka and Redis on this machine."
    )
    commands = parser.add_subparsers(dest="do", required=True)
    commands.add_parser("fetch", help="fetch Kafka's jars into .cache/ with Maven")
    for do in ("start", "stop", "status"):
        command = commands.add_parser(do)
        command.add_argument("server", choices=["kafka", "redis"])
        command.add_argument(
            "--data", type=Path, help="its directory (.cache/servers/kafka or .cache/servers/redis)"
        )
        command.add_argument("--port", type=int, help="where it listens (9092, 6379)")
        command.add_argument("--password-file", type=Path, help="ask for this password, over TLS only")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
