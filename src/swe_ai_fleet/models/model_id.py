"""Model ids: ``provider:model``, and several of them joined by ``|`` in a fallback order."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from swe_ai_fleet.errors import InputError

OFFLINE = "offline"
"""The provider of agents that ask no model at all; ``offline:repair`` may stand in a fallback order."""

_FIELD = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelId:
    """One model at one provider. The model's own name may hold any character but ``|``, colons included."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"

    @property
    def is_offline(self) -> bool:
        """No model server stands behind it."""
        return self.provider == OFFLINE


def parse_model_id(text: str, *, known: Collection[str] | None = None) -> ModelId:
    """Read one ``provider:model``.

    Args:
        text: the id as a user gave it.
        known: the configured providers; None accepts any name. ``offline`` is always known.

    Raises:
        InputError: of the field ``model``: the provider is missing or unknown, or the model is missing.
    """
    provider, colon, model = text.strip().partition(":")
    if not colon or not provider:
        raise InputError(
            _FIELD,
            text,
            "the provider is missing",
            f"Write provider:model, for example vllm:{text or 'NAME'}.",
        )
    if not model:
        raise InputError(_FIELD, text, "the model is missing", "Write provider:model.")
    if known is not None and provider != OFFLINE and provider not in known:
        names = ", ".join(sorted({*known, OFFLINE}))
        raise InputError(
            _FIELD, text, f"there is no provider {provider!r}", f"Configured providers: {names}."
        )
    return ModelId(provider=provider, model=model)


def split_chain(text: str, *, known: Collection[str] | None = None) -> list[ModelId]:
    """The links of a fallback order ``a|b|c``, the preferred one first; one link where there is no ``|``.

    Raises:
        InputError: a link is not a model id, or stands there twice.
    """
    links = [parse_model_id(part, known=known) for part in text.split("|")]
    if len(set(links)) != len(links):
        raise InputError(_FIELD, text, "a fallback order names a model twice", "Name each model once.")
    return links


def needs_a_server(links: Iterable[ModelId]) -> bool:
    """No link of a fallback order answers without a model server."""
    return not any(link.is_offline for link in links)
