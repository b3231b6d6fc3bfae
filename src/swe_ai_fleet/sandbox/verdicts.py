"""Reading the sealed record that our own test-runner plugins leave; nothing else that a check says is believed."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from swe_ai_fleet.domain.value import Recorded
from swe_ai_fleet.sandbox.files import read_regular

INSIDE = Path(__file__).parent / "inside"
"""The plugins; put on the path of every check, read-only."""
_VARIABLE = "FLEET_VERDICT"
_MAX_BYTES = 16 * 1024**2
_MAX_CASES = 20_000
_MAX_CASE_CHARS = 1000
_MAX_CASES_CHARS = 2 * 1024**2
_PROBLEM_CHARS = 1000
_PYTEST = re.compile(r"(?<![\w./-])(?:pytest|py\.test)(?![\w.-])|/pytest(?![\w.-])")
_UNITTEST = re.compile(r"-m\s+unittest(?![\w.])")
_OWN_PATH = re.compile(r"(?<!\w)PYTHONPATH=")

Case = Literal["passed", "failed", "skipped"]


class _Start(Recorded):
    kind: Literal["start"]
    session: str


class _Finish(Recorded):
    kind: Literal["finish"]
    session: str
    exit: int
    cases: dict[str, Case]
    places: dict[str, str]
    silent: tuple[str, ...]
    tampered: str


_Facts = _Start | _Finish
_FACTS: TypeAdapter[_Facts] = TypeAdapter(Annotated[_Facts, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """What one run of a check is given so that its test runner leaves a record."""

    name: str
    """Of the record, in the check's folder."""
    key: str

    @classmethod
    def new(cls) -> "Recorder":
        """With a name and a key that nobody can guess."""
        return cls(name=f".fleet-{secrets.token_hex(8)}", key=secrets.token_hex(32))

    def environment(self, folder: Path) -> dict[str, str]:
        """Makes any pytest that the check starts load the plugin."""
        return {
            _VARIABLE: f"{self.key}:{folder.resolve() / self.name}",
            "PYTHONPATH": str(INSIDE),
            "PYTEST_ADDOPTS": "-p fleet_verdict",
        }

    def read(self, folder: Path) -> "Verdict":
        """What the record says; lines whose seal is wrong are passed over, gaps make it incomplete.

        The seal of a line tells that the test runner's process wrote it, not that the plugin did.
        """
        content = read_regular(folder, self.name, limit=_MAX_BYTES) or b""
        verdict = Verdict()
        for line in content.splitlines():
            seal, _, body = line.partition(b" ")
            right = hmac.new(self.key.encode(), body, hashlib.sha256).hexdigest()
            if hmac.compare_digest(seal, right.encode()):
                try:
                    verdict.take(_FACTS.validate_json(body))
                except ValueError:
                    verdict.problem = "the record cannot be read"
        return verdict


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What the test runners of one check recorded."""

    started: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    exit_codes: list[int] = field(default_factory=list)
    cases: dict[str, Case] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    """What speaks against believing it."""

    def take(self, facts: _Facts) -> None:
        """One sealed line."""
        if isinstance(facts, _Start):
            self.started.add(facts.session)
            return
        self.finished.add(facts.session)
        self.exit_codes.append(facts.exit)
        cases = self.cases | facts.cases
        if _beyond_measure(cases):
            self.problem = f"more than {_MAX_CASES:,} cases, or names that are too long"
            return
        self.cases = cases
        self.places.update(facts.places)
        if facts.tampered:
            self.problem = f"the test runner was tampered with: {facts.tampered}"
        elif facts.silent:
            self.problem = (
                f"{len(facts.silent)} tests were collected but never ran, such as {facts.silent[0]}"
            )

    def unbelievable(self, *, exit_code: int, is_expected: bool) -> str:
        """Why a run that ended by itself does not count, or nothing."""
        if self.problem:
            return self.problem[:_PROBLEM_CHARS]
        if self.started - self.finished:
            return "the test runner was ended before it had finished"
        if is_expected and not self.finished and exit_code == 0:
            return "the check says that it passed, but no test runner has run"
        return ""

    def believed_cases(self, changed: Collection[str], folder: Path) -> dict[str, Case]:
        """Verdicts by case; a case that the changed code itself skipped is one that failed."""
        own = {str(folder.resolve() / path) for path in changed}
        return {
            name: "failed" if verdict == "skipped" and self.places.get(name) in own else verdict
            for name, verdict in sorted(self.cases.items())
        }


def _beyond_measure(cases: Collection[str]) -> bool:
    """They go into the report, and with it on the record: hostile ones must not make that large."""
    lengths = [len(name) for name in cases]
    return (
        len(lengths) > _MAX_CASES
        or max(lengths, default=0) > _MAX_CASE_CHARS
        or sum(lengths) > _MAX_CASES_CHARS
    )


def prepare_command(command: str) -> tuple[str, bool]:
    """The command as it is run, and whether a record must come of it."""
    command = _OWN_PATH.sub(f"PYTHONPATH={INSIDE}:", command)
    prepared = _UNITTEST.sub("-m fleet_unittest", command)
    return prepared, prepared != command or bool(_PYTEST.search(command))
