"""HTTP statuses and error bodies of model servers, translated once into the fleet's own errors.

==========================  =================================================
status                      error
==========================  =================================================
408                         ModelTimeoutError
429, 503                    ModelRateLimitedError (with ``Retry-After``)
content filter, any status  ModelFilteredError
3xx, other 4xx              ModelRequestError
other 5xx                   ModelServerError
==========================  =================================================
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pydantic import JsonValue
from pydantic_core import from_json

from swe_ai_fleet.errors import (
    ModelError,
    ModelFilteredError,
    ModelRateLimitedError,
    ModelRequestError,
    ModelServerError,
    ModelTimeoutError,
)

_CONTEXT = re.compile(
    r"(?:maximum context length (?:is|of)|max_model_len\s*=?|context window of)\D{0,20}(\d+)"
)
_SHOWN = 300


def error_of_answer(status: int, headers: Mapping[str, str], body: bytes, model_id: str) -> ModelError:
    """The error that an answer other than 200 stands for."""
    message, param, code = _told(body)
    retry_after_s = read_retry_after(headers)
    return _translated(status, message, param, code, model_id, retry_after_s)


def error_of_body(document: JsonValue, model_id: str) -> ModelError | None:
    """The error inside a 200, as gateways send it when the model behind them fails; None where there is none."""
    match document:
        case {"error": {"message": str(message), **rest}}:
            code = rest.get("code")
            status = code if isinstance(code, int) and 400 <= code < 600 else 502
            return _translated(status, message, None, str(code), model_id, None)
        case _:
            return None


def rejected_field(body: bytes) -> tuple[str | None, str]:
    """The field that a 400 names, if it does, and the server's message."""
    message, param, _ = _told(body)
    return param, message


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the server wishes, or None. A date is read against the server's own clock."""
    if (millis := _number(headers.get("Retry-After-Ms"))) is not None:
        return millis / 1000
    text = headers.get("Retry-After")
    if text is None:
        return None
    if (seconds := _number(text)) is not None:
        return seconds
    until, now = _date(text), _date(headers.get("Date"))
    if until is None:
        return None
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _translated(
    status: int, message: str, param: str | None, code: str, model_id: str, retry_after_s: float | None
) -> ModelError:
    detail = f"HTTP {status}: {message}" + (f" (field {param})" if param else "")
    if code in {"content_filter", "content_policy_violation"}:
        return ModelFilteredError(model_id, detail)
    if status in {429, 503}:
        return ModelRateLimitedError(model_id, detail, retry_after_s=retry_after_s)
    if status == 408:
        return ModelTimeoutError(model_id, detail)
    if status >= 500:
        return ModelServerError(model_id, detail)
    return ModelRequestError(model_id, detail, context_tokens=_context_tokens(message))


def _told(body: bytes) -> tuple[str, str | None, str]:
    """Message, field and code of an error body; its beginning where it has no known form."""
    try:
        document = from_json(body)
    except ValueError:
        return body[:_SHOWN].decode("utf-8", "replace"), None, ""
    inner = document.get("error", document) if isinstance(document, dict) else document
    if not isinstance(inner, dict):
        return str(inner)[:_SHOWN], None, ""
    message = str(inner.get("message") or inner.get("detail") or inner)[:_SHOWN]
    param = inner.get("param")
    return message, param if isinstance(param, str) else None, str(inner.get("code", ""))


def _context_tokens(message: str) -> int | None:
    match = _CONTEXT.search(message)
    return None if match is None else int(match.group(1))


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) and number >= 0 else None


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text is not None else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
