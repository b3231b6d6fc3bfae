"""The cold interpreter: frameworks are imported, the suite is not; every candidate imports it in a fork."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from .channel import Channel
from .children import Message, Report, in_child
from .edited import FileEdits, by_file, written
from .suites import Serve, Suite
from .trials import Results, Verdict
from .work import profile, run_until_failure


class ServeSuite(Protocol):
    """A framework's way to collect what its arguments select and to serve it."""

    def __call__(self, arguments: Sequence[str], serve: Serve, ids: Sequence[str] = (), /) -> str | None:
        """Why that was impossible; None where it was not. Files without one of ``ids`` may be left out."""
        ...


class Cold:
    """Answers requests with forks that import everything anew."""

    def __init__(
        self, root: Path, serve_suite: ServeSuite, arguments: Sequence[str], channel: Channel
    ) -> None:
        self._root = root
        self._arguments = arguments
        self._serve_suite = serve_suite
        self._channel = channel

    def serve(self) -> None:
        """Answer until the fleet hangs up."""
        while (request := self._channel.receive()) is not None:
            if request["op"] == "profile":
                self._profile(request)
            elif request["op"] == "try":
                self._try(request)
            self._channel.send(done=request["op"])

    def _try(self, request: Message) -> None:
        """Verdicts on candidates; tests are told by their ids, all of them where the request names none."""
        results = Results(self._channel)
        for number, edits in request["candidates"]:
            results.add(number, *self._one(by_file(edits), request))
        results.flush()

    def _one(self, edits: FileEdits, request: Message) -> Verdict:
        seen: Message = {}

        def work(report: Report) -> None:
            def run(suite: Suite) -> None:
                if suite.errors:
                    report({"failed": -1})
                    return
                run_until_failure(suite, _chosen(suite, request["ids"]), request["cpu_s"], report)

            arguments = request.get("args") or self._arguments
            why = self._serve_suite(arguments, run, request["ids"] or ())
            if why is not None:
                report({"failed": -1})

        with written(self._root, edits):
            ending = in_child(
                work, wall_s=request["wall_s"], receive=seen.update, inherited=self._channel.descriptors
            )
        if ending == "done" and "failed" in seen:
            return ("pass" if seen["failed"] is None else "fail"), seen["failed"]
        return ("slow" if ending == "timeout" else "died"), seen.get("at")

    def _profile(self, request: Message) -> None:
        """Import, list and run everything in one child, tracing the files that the request names."""
        files = request.get("files")
        names = None if files is None else {str(self._root / file): file for file in files}

        def work(report: Report) -> None:
            def run(suite: Suite) -> None:
                report({"tests": suite.ids, "errors": suite.errors})
                profile(suite, _chosen(suite, request["ids"]), names, request["cpu_s"], report)

            why = self._serve_suite(request.get("args") or self._arguments, run)
            if why is not None:
                report({"failed": why})

        def receive(message: Message) -> None:
            if "at" not in message:
                self._channel.send(**message)

        in_child(work, wall_s=request["seconds"], receive=receive, inherited=self._channel.descriptors)


def _chosen(suite: Suite, ids: list[str] | None) -> list[int]:
    """Their indices in the request's order; an id that is not there is no test any more."""
    if ids is None:
        return list(range(len(suite.ids)))
    index = {identifier: number for number, identifier in enumerate(suite.ids)}
    return [index[identifier] for identifier in ids if identifier in index]
