"""The warm interpreter: the suite is imported; every candidate is swapped into a fork of it and tried there."""

import time
from pathlib import Path

from .behave import observe
from .channel import Channel
from .children import Message, Report, in_child
from .compiling import Compiled, Compiler
from .edited import by_file, written
from .suites import Suite
from .trials import Results, Trials, Verdict
from .work import profile


class Warm:
    """Answers requests with forks of this process."""

    def __init__(self, root: Path, suite: Suite, channel: Channel) -> None:
        self._root = root
        self._suite = suite
        self._channel = channel
        self._compiler = Compiler(root)
        self._trials = Trials(suite, channel.descriptors)
        self._spawns = False
        """Tests start processes, which read the files and not our memory."""

    def serve(self) -> None:
        """Answer until the fleet hangs up."""
        while (request := self._channel.receive()) is not None:
            if request["op"] == "profile":
                self._profile(request)
            elif request["op"] == "try":
                self._try(request)
            elif request["op"] == "behave":
                self._behave(request)
            elif request["op"] == "watch":
                self._watch(request)
            self._channel.send(done=request["op"])

    def _profile(self, request: Message) -> None:
        """Run tests in one child; where a test takes the child with it, go on after that test in another."""
        files = request.get("files")
        names = None if files is None else {str(self._root / file): file for file in files}
        waiting: list[int] = list(request["tests"])
        ends = time.monotonic() + request["seconds"]
        while waiting and time.monotonic() < ends:
            began: list[int] = []
            ended: list[int] = []
            if not self._was_lost(waiting, names, request["cpu_s"], ends, began, ended):
                return
            lost = (began or waiting)[-1 if began else 0]
            if lost not in ended:
                self._channel.send(test=lost, verdict="failed", cpu_s=request["cpu_s"], lines={}, slow=True)
            waiting = waiting[waiting.index(lost) + 1 :]

    def _was_lost(
        self,
        waiting: list[int],
        names: dict[str, str] | None,
        cpu_s: float,
        ends: float,
        began: list[int],
        ended: list[int],
    ) -> bool:
        """Run tests in a child, noting which begin and end; whether it was lost before it had run them all."""

        def receive(message: Message) -> None:
            if "at" in message:
                began.append(message["at"])
                if time.monotonic() > ends:
                    raise TimeoutError
            else:
                self._hand_on(message)
                ended.extend([message["test"]] if "test" in message else [])

        def work(report: Report) -> None:
            profile(self._suite, waiting, names, cpu_s, report)

        silence_s = min(4 * cpu_s + 2, max(0.0, ends - time.monotonic()) + 2)
        try:
            ending = in_child(work, wall_s=silence_s, receive=receive, inherited=self._channel.descriptors)
        except TimeoutError:
            return False
        is_over = time.monotonic() >= ends  # the time was up, not the test's own
        return ending != "done" and not is_over

    def _hand_on(self, message: Message) -> None:
        """What a profiled child tells, to the fleet."""
        if "spawns" in message:
            self._spawns = self._spawns or message["spawns"]
            self._channel.send(types=message["types"])
        elif "test" in message:
            self._channel.send(**message)

    def _try(self, request: Message) -> None:
        results = Results(self._channel)
        ready: list[Compiled] = []
        for number, edits in request["candidates"]:
            compiled = self._compiler.compile(number, by_file(edits), once=request["once"])
            if isinstance(compiled, str):
                results.add(number, compiled, None)
            elif compiled.on_disk or self._spawns:
                results.add(number, *self._alone(compiled, request))
            else:
                ready.append(compiled)
        self._trials.run(ready, request, results)
        results.flush()

    def _alone(self, compiled: Compiled, request: Message) -> Verdict:
        with written(self._root, compiled.edits if self._spawns else compiled.on_disk):
            return self._trials.alone(compiled, request)

    def _watch(self, request: Message) -> None:
        """The truth values that the conditions of candidates take in the tests."""
        for number, edits in request["candidates"]:
            compiled = self._compiler.compile(number, by_file(edits), once=False)
            if isinstance(compiled, Compiled) and compiled.swaps:
                self._channel.send(number=number, seen=self._trials.watch(compiled, request))

    def _behave(self, request: Message) -> None:
        """What candidates do on mutated inputs of the function that they change; the unchanged code is number -1."""
        file, start, end, _ = request["candidates"][0][1][0]
        function = self._compiler.function_around(file, [(start, end, "")])
        ready = [Compiled(-1, {}, {}, [])]
        for number, edits in request["candidates"]:
            compiled = self._compiler.compile(number, by_file(edits), once=False)
            if isinstance(compiled, Compiled) and not compiled.on_disk:
                ready.append(compiled)
        if function is None:
            return

        def work(report: Report) -> None:
            observe(self._suite, function, ready, request, report)

        in_child(
            work,
            wall_s=request["wall_s"],
            receive=lambda message: self._channel.send(**message),
            inherited=self._channel.descriptors,
        )
