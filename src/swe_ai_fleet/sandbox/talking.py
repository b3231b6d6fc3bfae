"""Reading what a command says, writing to it, and making sure that it ends."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from swe_ai_fleet.errors import SandboxError
from swe_ai_fleet.ports.checks import ExecResult
from swe_ai_fleet.sandbox.exchange import Ends, ending_of

_CHUNK_BYTES = 262144
_CONTROL_BYTES = 65536


async def run_to_end(ends: Ends, *, output_bytes: int) -> ExecResult:
    """Collect both outputs until everything has ended; cancelling or too much output kills it all first.

    Raises:
        SandboxError: the command never ran, or its supervisor was killed.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    control = Stream(ends.control.fileno(), limit=_CONTROL_BYTES)
    outputs = [
        Stream(descriptor, limit=output_bytes, on_change=lambda stream: _stop_if_over(stream, ends))
        for descriptor in (ends.stdout, ends.stderr)
    ]
    try:
        await _ended(ends, control)
        ending = ending_of(bytes(control.buffer))
        for output in outputs:
            await output.ended
    finally:
        for stream in (control, *outputs):
            stream.close()
        ends.close()
    killed_by = "output" if any(output.is_over for output in outputs) else ending["killed_by"]
    return ExecResult(
        exit_code=None if killed_by is not None else ending["exit_code"],
        stdout=bytes(outputs[0].buffer),
        stderr=bytes(outputs[1].buffer),
        duration_s=loop.time() - began,
        killed_by=killed_by,
    )


async def _ended(ends: Ends, control: "Stream") -> None:
    """Wait for the supervisor's last word; when we are cancelled, kill and still wait, for the folder is in use."""
    try:
        await asyncio.shield(control.ended)
    except asyncio.CancelledError:
        _stop(ends)
        await asyncio.shield(control.ended)
        raise


def _stop(ends: Ends) -> None:
    with suppress(OSError):
        ends.control.shutdown(socket.SHUT_WR)


def _stop_if_over(stream: "Stream", ends: Ends) -> None:
    if stream.is_over:
        _stop(ends)


class Stream:
    """Reads a descriptor as the loop finds it readable; keeps the first ``limit`` bytes."""

    def __init__(
        self, descriptor: int, *, limit: int, on_change: Callable[["Stream"], None] | None = None
    ) -> None:
        """Begin to read at once; ``on_change`` is called after every read, the last included."""
        self.buffer = bytearray()
        self.is_over = False
        """More than the limit has come."""
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Done when the other side has closed."""
        self._descriptor = descriptor
        self._limit = limit
        self._on_change = on_change
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            chunk = b""
        room = self._limit - len(self.buffer)
        self.is_over = self.is_over or len(chunk) > room
        self.buffer += chunk[: max(0, room)]
        if not chunk:
            self.close()
        if self._on_change is not None:
            self._on_change(self)

    def close(self) -> None:
        """Stop reading. Idempotent; must come before the descriptor is closed."""
        if not self.ended.done():
            self._loop.remove_reader(self._descriptor)
            self.ended.set_result(None)


class ContainedProcess:
    """A sandboxed process to talk to; see :class:`~swe_ai_fleet.ports.checks.SandboxProcess`."""

    def __init__(self, ends: Ends, *, output_bytes: int) -> None:
        """``output_bytes`` bounds one line of stdout, and what is kept of stderr."""
        assert ends.stdin is not None
        self._ends = ends
        self._stdin = ends.stdin
        os.set_blocking(self._stdin, False)
        self._limit = output_bytes
        self._news = asyncio.Event()
        self._control = Stream(ends.control.fileno(), limit=_CONTROL_BYTES, on_change=self._notice)
        self._errors = Stream(ends.stderr, limit=output_bytes)
        self._lines = _Lines(ends.stdout, limit=output_bytes, on_change=self._news.set)

    def _notice(self, _: Stream) -> None:
        self._news.set()

    async def send(self, chunk: bytes) -> None:
        """Write to its stdin, waiting while it does not read."""
        view = memoryview(chunk)
        while view:
            try:
                view = view[os.write(self._stdin, view) :]
            except BlockingIOError:
                await self._writable()
            except OSError as error:
                raise SandboxError(f"the sandboxed process has ended{self._why()}") from error

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_writer(self._stdin, _settle, ready)
        try:
            await ready
        finally:
            loop.remove_writer(self._stdin)

    async def receive(self, *, timeout_s: float) -> bytes:
        """The next line of its stdout; empty at the end."""
        async with asyncio.timeout(timeout_s):
            while (line := self._lines.take()) is None:
                self._news.clear()
                await self._news.wait()
        return line

    async def kill(self) -> None:
        """End the whole process group and wait for it."""
        _stop(self._ends)
        await asyncio.shield(self._control.ended)

    async def close(self) -> None:
        """Kill it and give the descriptors back."""
        try:
            await self.kill()
        finally:
            self._control.close()
            self._errors.close()
            self._lines.close()
            self._ends.close()

    def _why(self) -> str:
        """What the launcher and the process itself say of its end, for the error."""
        said = bytes(self._errors.buffer[-2000:]).decode(errors="replace").strip()
        try:
            ending: dict[str, Any] = dict(ending_of(bytes(self._control.buffer)))
        except SandboxError as error:
            return f": {error}"
        how = ending["killed_by"] or f"exit code {ending['exit_code']}"
        return f" ({how})" + (f": {said}" if said else "")


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Lines:
    """Whole lines of a descriptor. Reading pauses while more than the limit is waiting to be taken."""

    def __init__(self, descriptor: int, *, limit: int, on_change: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._limit = limit
        self._on_change = on_change
        self._buffer = bytearray()
        self._scanned = 0
        self._ended = self._closed = self._reads = False
        os.set_blocking(descriptor, False)
        self._resume()

    def _resume(self) -> None:
        if not (self._ended or self._closed or self._reads):
            self._reads = True
            self._loop.add_reader(self._descriptor, self._read)

    def _pause(self) -> None:
        if self._reads:
            self._reads = False
            self._loop.remove_reader(self._descriptor)

    def _read(self) -> None:
        try:
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            chunk = b""
        self._buffer += chunk
        self._ended = not chunk
        if self._ended or len(self._buffer) > self._limit:
            self._pause()
        self._on_change()

    def take(self) -> bytes | None:
        """The next line; what is left, then nothing, at the end; None while there is none yet."""
        end = self._buffer.find(b"\n", self._scanned)
        if end < 0 and len(self._buffer) > self._limit:
            raise SandboxError(f"a line of the sandboxed process is longer than {self._limit} bytes")
        if end < 0 and not self._ended:
            self._scanned = len(self._buffer)
            return None
        size = end + 1 if end >= 0 else len(self._buffer)
        line = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._scanned = 0
        if len(self._buffer) <= self._limit:
            self._resume()
        return line

    def close(self) -> None:
        self._closed = True
        self._pause()
