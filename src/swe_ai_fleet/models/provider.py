"""Providers: where a model server is, how to log in and how it wants to be treated."""

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from swe_ai_fleet.domain.value import Value

KNOWN_BASE_URLS = {
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
}
"""Base URLs of the public providers; every other provider is configured with its own."""

_VERSION = re.compile(r"/v\d+[a-z0-9]*(/|$)")


class Provider(Value):
    """One OpenAI-compatible endpoint, on one server or on several equal ones."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    """The part of a model id before the colon."""
    base_url: str = ""
    """``http(s)://host[:port][/path]``, several joined by commas; ``/v1`` is added where the path holds no version.
    May be left out for ``openai`` and ``openrouter``."""
    each_address: bool = False
    """Every address of the one host's name is a server of its own, as with a headless Service; only for ``http``."""
    prefers_own_node: bool = False
    """Of several servers, ask one on the asking process' own machine first."""
    api_key: SecretStr | None = None
    """Sent as a bearer token."""
    concurrency: Annotated[int, Field(ge=1)] = 256
    """Calls in flight at once from this process to one server; further ones wait, the judge's first."""
    sends_priority: bool = False
    """Send vLLM's ``priority``; only for servers started with ``--scheduling-policy priority``, which alone take it."""
    sends_seed: bool = False
    """Send each agent's own seed. Off, because vLLM's CPU backend dies of a seeded request whose prompt takes more than
    one step (seen with 0.32.0), and because batching makes answers differ even with a seed."""
    streams: bool = False
    """Take the answer token by token, so that ``first_byte_s`` bounds the first token and not the whole answer."""
    connect_s: Annotated[float, Field(gt=0)] = 5.0
    """Limit on opening one connection, TLS included."""
    first_byte_s: Annotated[float, Field(gt=0)] = 120.0
    """Limit from sending the request to the first byte; without ``streams`` the answer is complete by then."""
    total_s: Annotated[float, Field(gt=0)] = 300.0
    """Limit on one call from connecting to the last byte."""
    max_response_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024**2
    """A longer answer is malformed; an endless one must not fill the memory."""

    @model_validator(mode="after")
    def _has_addresses(self) -> Self:
        for url in self._urls():
            try:
                parts = urlsplit(url)
            except ValueError:  # its own message may show a password
                parts = urlsplit("")
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                msg = f"base_url of provider {self.name!r} must be http(s)://host[:port][/path]"
                raise ValueError(msg)
            if parts.username or parts.password or parts.query or parts.fragment:
                msg = f"base_url of provider {self.name!r} must hold no credentials, query or fragment; use api_key"
                raise ValueError(msg)
        if self.each_address and (len(self._urls()) > 1 or not self.url.startswith("http://")):
            msg = f"each_address of provider {self.name!r} needs one base_url that begins with http://"
            raise ValueError(msg)
        return self

    @property
    def url(self) -> str:
        """The first base URL with its version, without a trailing slash."""
        url = self._urls()[0].rstrip("/")
        return url if _VERSION.search(urlsplit(url).path) else f"{url}/v1"

    @property
    def is_replicated(self) -> bool:
        """There may be several servers."""
        return self.each_address or len(self._urls()) > 1

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Of the first base URL."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def servers(self) -> tuple["Provider", ...]:
        """This provider once for each base URL."""
        urls = dict.fromkeys(self._urls())
        return tuple(self.model_copy(update={"base_url": url, "each_address": False}) for url in urls)

    def at(self, address: str) -> "Provider":
        """This provider at one address of its host."""
        _, port = self.host_and_port
        host = f"[{address}]" if ":" in address else address
        url = urlsplit(self.url)._replace(netloc=f"{host}:{port}").geturl()
        return self.model_copy(update={"base_url": url, "each_address": False})

    def _urls(self) -> list[str]:
        return [url.strip() for url in (self.base_url or KNOWN_BASE_URLS.get(self.name, "")).split(",")]
