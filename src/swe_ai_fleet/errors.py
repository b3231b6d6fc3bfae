"""Every error the fleet raises on purpose; the type says whether to retry and how the command line exits.

FleetError
├── InputError                  what the user gave is wrong: field, value, way out (exit 2)
│   └── TaskFileError           ... in a task file, with the line
├── UnreachableError            a server that is needed does not answer (exit 4)
├── BudgetError                 refused before the fan-out: the budget cannot hold the council
├── GivenUpError                the workers made a dead letter of the command: refused (exit 2) or in vain (exit 3)
├── ModelError                  one model call failed
│   ├── ModelUnreachableError       retryable: refused, reset, closed before any byte
│   ├── ModelTimeoutError           retryable: connect, first token or total limit passed
│   ├── ModelRateLimitedError       retryable after ``retry_after_s``: 429 or 503
│   ├── ModelServerError            retryable: 5xx
│   ├── ModelRequestError           permanent: the request itself was rejected (4xx)
│   ├── ModelMalformedError         retryable: the answer is not what the protocol promises
│   ├── ModelTruncatedError         permanent: the answer ended at the token limit
│   └── ModelFilteredError          permanent: the provider withheld the answer
├── RecordError                 the record (event log, snapshots, blobs)
│   ├── RecordUnavailableError      retryable: the server is away or has no leader
│   ├── RecordConflictError         permanent: somebody else wrote first
│   ├── RecordDeniedError           permanent: these credentials may not do this
│   └── RecordNotFoundError         permanent: no such deliberation, blob or command
├── AgentRefusedError           an agent cannot serve this task: reason and way out
├── PlacementError              no node of the cluster can host the agents
├── PatchError                  a proposal's edit cannot become one patch
└── SandboxError                untrusted code cannot be run as demanded
    └── SandboxUnavailableError     nothing strong enough to contain it is available here
"""

from typing import Any, ClassVar


class FleetError(Exception):
    """Root of all errors raised on purpose. ``retryable``: the same call may succeed when repeated.

    They travel between processes: a pickled error comes back with its type, its message and its attributes.
    """

    retryable: ClassVar[bool] = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (_revived, (type(self), self.args, self.__dict__.copy()))


def _revived(kind: type[FleetError], args: tuple[object, ...], attributes: dict[str, object]) -> FleetError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(attributes)
    return error


class InputError(FleetError):
    """What the user gave is wrong.

    Attributes:
        field: the dotted name of the field, argument or setting.
        value: what was given, shortened for display.
        way_out: one sentence that says what to give instead.
    """

    def __init__(self, field: str, value: object, problem: str, way_out: str) -> None:
        """Name the field, show the value, say what is wrong with it and what to do."""
        shown = repr(value)
        self.field = field
        self.value = shown if len(shown) <= 80 else f"{shown[:77]}..."
        self.problem = problem
        self.way_out = way_out
        super().__init__(f"{field}: {problem} (given: {self.value}). {way_out}")


class TaskFileError(InputError):
    """A task file is not a valid task. ``line`` counts from 1; None where no line can be named."""

    def __init__(
        self, path: str, line: int | None, field: str, value: object, problem: str, way_out: str
    ) -> None:
        """Put the file and, where known, the line before the message of :class:`InputError`."""
        super().__init__(field, value, problem, way_out)
        self.path = path
        self.line = line
        where = path if line is None else f"{path}:{line}"
        self.args = (f"{where}: {self.args[0]}",)


class UnreachableError(FleetError):
    """A server that is needed does not answer.

    Attributes:
        what: "NATS", "Ray" or "model".
        address: the address that was tried, without credentials.
        way_out: the command or setting that provides it.
    """

    retryable = True

    def __init__(self, what: str, address: str, way_out: str) -> None:
        """Say what does not answer, where it was looked for and how to start it."""
        self.what = what
        self.address = address
        self.way_out = way_out
        super().__init__(f"{what} does not answer at {address}. {way_out}")


class BudgetError(FleetError):
    """The budget cannot hold the council; nothing was asked and nothing was paid."""


class GivenUpError(FleetError):
    """The workers have given a command up; no ``closed`` will come of it.

    Attributes:
        refused: the command itself is wrong, and would be refused again.
        letter_id: of its dead letter.
    """

    def __init__(self, deliberation_id: str, reason: str, *, refused: bool, letter_id: str) -> None:
        """Say why, and how to have it tried again."""
        self.refused = refused
        self.letter_id = letter_id
        verb = "refused" if refused else "gave up"
        super().__init__(
            f"the workers {verb} {deliberation_id}: {reason.rstrip('.')}."
            f" `swe-fleet dead-letters retry {letter_id}` puts it back on the queue."
        )


class ModelError(FleetError):
    """One model call failed. ``model`` is the id that was called; ``kind`` is stable and goes on the record.

    Attributes:
        attempts: calls that were made before giving up, over all models of a fallback order.
        prompt_tokens: what the answer that was of no use cost, where the server said so.
        completion_tokens: likewise.
    """

    kind: ClassVar[str] = "error"
    attempts: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __init__(self, model: str, detail: str) -> None:
        """Keep the model's id apart from the detail so that callers need not parse the text."""
        self.model = model
        self.detail = detail
        super().__init__(f"{model}: {self.kind}: {detail}")


class ModelUnreachableError(ModelError):
    """The connection was refused, reset or closed before any byte of the answer."""

    kind = "refused"
    retryable = True


class ModelTimeoutError(ModelError):
    """The limit on connecting, on the first byte or on the whole call passed."""

    kind = "timeout"
    retryable = True


class ModelRateLimitedError(ModelError):
    """The server sheds load (429 or 503). ``retry_after_s`` is what it asked for, or None."""

    kind = "rate_limited"
    retryable = True

    def __init__(self, model: str, detail: str, *, retry_after_s: float | None = None) -> None:
        """Keep the server's own wish apart, so that a shared back-off can honour it."""
        super().__init__(model, detail)
        self.retry_after_s = retry_after_s


class ModelServerError(ModelError):
    """The server failed (5xx other than 503)."""

    kind = "server_error"
    retryable = True


class ModelRequestError(ModelError):
    """The server rejected the request itself (4xx other than 429); repeating it cannot help.

    ``context_tokens`` is the model's limit where the request was longer than it, else None.
    """

    kind = "rejected"

    def __init__(self, model: str, detail: str, *, context_tokens: int | None = None) -> None:
        """Keep the limit apart, so that the asker can shorten the request to it."""
        super().__init__(model, detail)
        self.context_tokens = context_tokens


class ModelMalformedError(ModelError):
    """The answer is not what the protocol or the demanded schema promises."""

    kind = "malformed"
    retryable = True


class ModelTruncatedError(ModelError):
    """The answer ended at the token limit and is incomplete."""

    kind = "truncated"


class ModelFilteredError(ModelError):
    """The provider withheld the answer."""

    kind = "filtered"


class RecordError(FleetError):
    """The record cannot be read or written."""


class RecordUnavailableError(RecordError):
    """The server is away, has no leader, or did not acknowledge in time."""

    retryable = True


class RecordGoneError(RecordUnavailableError):
    """The connection is closed for good: only another one can help."""

    retryable = False


class RecordConflictError(RecordError):
    """Somebody else wrote first: a guarded subject or a compare-and-set key has moved on."""


class RecordDeniedError(RecordError):
    """These credentials may not do this; the message names the subject."""


class RecordNotFoundError(RecordError):
    """There is no such deliberation, blob or command on the record."""


class AgentRefusedError(FleetError):
    """An agent cannot serve this task at all.

    Attributes:
        reason: why, in one sentence.
        way_out: what would make it possible.
    """

    def __init__(self, reason: str, way_out: str) -> None:
        """Say why and what would help."""
        self.reason = reason
        self.way_out = way_out
        super().__init__(f"{reason} {way_out}")


class PlacementError(FleetError):
    """No node of the cluster satisfies what the agents' placement demands."""


class PatchError(FleetError):
    """A proposal's edit cannot become one patch against the task's commit; the message says where."""


class SandboxError(FleetError):
    """Untrusted code cannot be run as demanded."""


class SandboxUnavailableError(SandboxError):
    """Nothing strong enough to contain untrusted code is available on this machine."""
