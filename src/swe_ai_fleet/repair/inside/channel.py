"""The line to the fleet: JSON lines on descriptors that the code under repair does not write to by accident."""

import json
import os
from typing import Any

from .children import Message


class Channel:
    """Takes stdin and stdout for itself and leaves /dev/null in their place."""

    def __init__(self) -> None:
        self._in = os.fdopen(os.dup(0), "rb")
        self._out = os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        os.close(null)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a child must close, so that it cannot speak in our name by accident."""
        return (self._in.fileno(), self._out)

    def receive(self) -> Message | None:
        """The next request, or None when the fleet has hung up."""
        line = self._in.readline()
        if not line:
            return None
        message: Message = json.loads(line)
        return message

    def send(self, **message: Any) -> None:
        """Answer."""
        content = json.dumps(message).encode() + b"\n"
        while content:
            content = content[os.write(self._out, content) :]
