"""The command line of bubblewrap for a request."""

import os
from collections.abc import Iterator

from swe_ai_fleet.sandbox.launcher import seccomp
from swe_ai_fleet.sandbox.launcher.request import Request
from swe_ai_fleet.sandbox.launcher.view import around

_INNER_ID = "1000"


def command_line(request: Request) -> list[str]:
    """What to execute. It refers to descriptors of this process that the exec must not close."""
    return [
        request.bubblewrap,
        *("--unshare-all", "--unshare-user", "--uid", _INNER_ID, "--gid", _INNER_ID),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--size", str(request.caps.disk_bytes), "--tmpfs", "/tmp"),  # the sandbox's own
        *_view(request),
        *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/proc", "--remount-ro", "/"),
        *("--chdir", request.folder, "--seccomp", str(_descriptor(seccomp.packed(shared=False))), "--"),
        *request.argv,
    ]


def _view(request: Request) -> Iterator[str]:
    for path in request.view.readable:
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)
        elif os.path.exists(path):
            yield from ("--ro-bind", path, path)
    for path in request.view.writable:
        yield from ("--bind", path, path)
    for path in around(request.view):
        yield from ("--bind", path, path)
    for path in request.view.held:
        yield from ("--ro-bind", path, path)
    for path, text in request.view.files.items():
        yield from ("--ro-bind-data", str(_descriptor(text.encode())), path)


def _descriptor(content: bytes) -> int:
    """A descriptor from which bubblewrap reads ``content``."""
    descriptor = os.memfd_create("fleet", 0)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
