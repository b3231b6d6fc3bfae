"""Keeps the embedded nats-server for as long as any process uses it; a program of its own, standard library only.

Every user holds a shared lock on ``in-use``, which the kernel drops however the user ends. This program waits for
the exclusive one: when it gets it, nobody is left, and it stops the server. A server that dies on its own is started
again on the same port. Usage: ``keeper.py FOLDER NATS_SERVER``; says on stdout, in one line, that it is ready or why
it is not.
"""

import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

READY_S = 10.0
STOP_S = 5.0
RESTARTS = 5
"""Unexpected ends of the server, in all, before its keeper gives up."""


class ServerError(Exception):
    """The server does not start; the message is its own."""


def write_config(folder: Path, *, port: int, token: str) -> Path:
    """The server's configuration; ``port`` -1 lets the server choose."""
    config = folder / "nats.conf"
    config.touch(mode=0o600)
    config.write_text(
        f"listen: 127.0.0.1:{port}\n"
        f"authorization {{ token: {json.dumps(token)} }}\n"
        f"jetstream {{ store_dir: {json.dumps(str(folder / 'jetstream'))} }}\n"
        f"ports_file_dir: {json.dumps(str(folder))}\n"
        "max_payload: 1MB\n"
    )
    return config


def start(folder: Path, binary: str, *, port: int, token: str) -> tuple[subprocess.Popen[bytes], int]:
    """A server that takes connections, and its port.

    Raises:
        ServerError: it ended, or is not ready in time.
    """
    config = write_config(folder, port=port, token=token)
    log = folder / "server.log"
    with log.open("wb") as sink:
        server = subprocess.Popen(
            [binary, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
        )
    ports = folder / f"{Path(binary).name}_{server.pid}.ports"
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            address = json.loads(ports.read_text())["nats"][0]
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.005)
            continue
        return server, int(address.rpartition(":")[2])
    server.kill()
    server.wait()
    lines = log.read_text(errors="replace").splitlines()
    raise ServerError(next((line for line in reversed(lines) if line.strip()), "it says nothing"))


def stop(server: subprocess.Popen[bytes]) -> None:
    """End it in order, or after ``STOP_S`` anyhow."""
    server.terminate()
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


class Keeper:
    """One server and the watch over it."""

    def __init__(self, folder: Path, binary: str) -> None:
        self.folder = folder
        self.binary = binary
        self.token = secrets.token_urlsafe(24)
        self.unused = False
        self.server, self.port = start(folder, binary, port=-1, token=self.token)

    def announce(self) -> None:
        """Say where the server is: to the one who waits on stdout, and in ``server.json`` to all others."""
        card = json.dumps(
            {"port": self.port, "token": self.token, "pid": self.server.pid, "keeper": os.getpid()}
        )
        draft = self.folder / "server.json.new"
        draft.touch(mode=0o600)
        draft.write_text(card)
        draft.replace(self.folder / "server.json")
        tell(card)

    def wait_until_unused(self, lock: int) -> None:
        """Stop the server once no other process holds the lock."""
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.unused = True
        self.server.terminate()

    def keep(self) -> None:
        """Return when the server has ended because nobody uses it, or for good."""
        for _ in range(RESTARTS):
            self.server.wait()
            if self.unused:
                return
            self.server, _ = start(self.folder, self.binary, port=self.port, token=self.token)
            if self.unused:
                stop(self.server)
                return


def tell(line: str) -> None:
    """One line on stdout, then nothing more: whoever waits for it sees the end."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.close(silence)


def main() -> int:
    """Keep the server of a folder, in a process that is nobody's child."""
    if os.fork() > 0:
        return 0
    os.setsid()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    folder, binary = Path(sys.argv[1]), sys.argv[2]
    lock = os.open(folder / "in-use", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        keeper = Keeper(folder, binary)
    except (ServerError, OSError) as error:
        tell(json.dumps({"error": str(error)}))
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=keeper.wait_until_unused, args=(lock,), daemon=True).start()
    try:
        keeper.announce()
        keeper.keep()
    finally:
        stop(keeper.server)
        for path in (folder / "server.json", *folder.glob("*.ports")):
            path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
