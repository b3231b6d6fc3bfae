"""The warm launcher: one small process that forks a supervisor for every command the fleet sends.

A message on its socket is one byte with five descriptors: the request as JSON, stdin, stdout, stderr, control.
It ends when the fleet does.
"""

import json
import os
import signal
import socket
import sys
from typing import NoReturn

from swe_ai_fleet.sandbox.launcher.cgroups import Groups
from swe_ai_fleet.sandbox.launcher.payload import Streams
from swe_ai_fleet.sandbox.launcher.request import parse
from swe_ai_fleet.sandbox.launcher.supervise import Ending, supervise

_DESCRIPTORS = 5


def main() -> NoReturn:
    """Serve requests from the socket whose descriptor is the last argument, until it closes."""
    fleet = socket.socket(fileno=int(sys.argv[-1]))
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the fleet decides when; its end is the end of the socket
    groups = _find_groups()
    fleet.send(b"grouped" if groups is not None else b"alone")
    while True:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        message, descriptors, _, _ = socket.recv_fds(fleet, 1, _DESCRIPTORS)
        if not message:
            os._exit(0)
        if len(descriptors) == _DESCRIPTORS and os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            fleet.close()
            _serve_one(descriptors, groups)
        for descriptor in descriptors:
            os.close(descriptor)


def _find_groups() -> Groups | None:
    try:
        return Groups.find()
    except OSError:
        return None


def _serve_one(descriptors: list[int], groups: Groups | None) -> NoReturn:
    source, stdin, stdout, stderr, control = descriptors
    try:
        with os.fdopen(source, "rb") as file:
            request = parse(json.loads(file.read()))
        supervise(request, Streams(stdin=stdin, stdout=stdout, stderr=stderr), control, groups)
    except BaseException as error:  # noqa: BLE001  # the last frame of a child: told, not raised
        os.write(control, Ending(error=repr(error)).encode())
    os._exit(0)
