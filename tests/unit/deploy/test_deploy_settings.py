"""Names of settings, read off a model."""

from collections.abc import Mapping
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from fleet_manifests.known_settings import setting_names


class _Endpoint(BaseModel):
    url: str
    headers: Mapping[str, str] = {}


class _Nats(BaseModel):
    url: str | None = None
    endpoint: _Endpoint | None = None


class _Settings(BaseModel):
    data_dir: str
    nats: Annotated[_Nats, Field()]
    models: dict[str, _Endpoint] = {}


@pytest.mark.parametrize(
    "name",
    [
        "FLEET_DATA_DIR",
        "FLEET_NATS__URL",
        "FLEET_NATS__ENDPOINT__URL",
        "FLEET_MODELS__VLLM__URL",
        "FLEET_MODELS__VLLM__HEADERS__X",
        "FLEET_MODELS",
    ],
)
def test_nested_optional_and_keyed_settings_are_known(name: str) -> None:
    assert setting_names(_Settings, prefix="FLEET_").knows(name)


@pytest.mark.parametrize(
    "name", ["FLEET_NATS_URL", "FLEET_NATS__ULR", "FLEET_MODELS__VLLM__ULR", "FLEET_DATADIR", "NATS__URL"]
)
def test_misspelt_settings_are_unknown(name: str) -> None:
    assert not setting_names(_Settings, prefix="FLEET_").knows(name)
