"""Commands on the wire: JSON of the command, or a claim check where it is too large for a message."""

import json

from pydantic import ValidationError

from swe_ai_fleet.errors import InputError
from swe_ai_fleet.messaging.envelope import MAX_INLINE_BYTES, reference_of, reference_to
from swe_ai_fleet.ports.record import BlobStore, Command

_WAY_OUT = "Submit it again with `swe-fleet submit`."


async def encode_command(command: Command, blobs: BlobStore) -> bytes:
    """The message that asks for it."""
    whole = command.model_dump_json().encode()
    if len(whole) <= MAX_INLINE_BYTES:
        return whole
    claim = {"deliberation_id": command.deliberation_id, "dataref": reference_to(await blobs.put(whole))}
    return json.dumps(claim).encode()


async def resolve_command(message: bytes, blobs: BlobStore) -> bytes:
    """The JSON of the command; a message that is no claim check comes back as it is.

    Raises:
        RecordNotFoundError: the content that it refers to is gone.
    """
    claim = _json_object(message)
    reference = reference_of(claim)
    return message if reference is None else await blobs.get(reference)


def decode_command(content: bytes) -> Command:
    """The command.

    Raises:
        InputError: it is not a valid one; the field is named.
    """
    try:
        return Command.model_validate_json(content, extra="ignore")  # a newer fleet's tasks may say more
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "command"
        raise InputError(field, first["input"], first["msg"], _WAY_OUT) from error


def deliberation_of(content: bytes) -> str:
    """The deliberation that a message names, however broken the rest of it is; empty where it names none."""
    return str(_json_object(content).get("deliberation_id") or "")


def _json_object(content: bytes) -> dict[str, object]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
