"""The settings page says what the settings model says."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from fleet_docs.settings_page import Row, rows, settings_page
from swe_ai_fleet.domain.value import Value


class Server(Value):
    """One server."""

    url: str
    """Where it is."""
    key: SecretStr | None = None
    limit_s: Annotated[float, Field(gt=0, le=60)] = 2.5
    """Seconds | of patience."""


class Everything(Value):
    """All settings."""

    level: Literal["low", "high"] = "low"
    """How much."""
    quiet: bool = False
    main: Server = Server(url="x")
    servers: dict[str, Server] = Field(default_factory=dict)


def test_nested_models_and_mappings_give_one_variable_a_field() -> None:
    assert [row.variable for row in rows(Everything, prefix="T_")] == [
        "T_LEVEL",
        "T_QUIET",
        "T_MAIN__URL",
        "T_MAIN__KEY",
        "T_MAIN__LIMIT_S",
        "T_SERVERS__<NAME>__URL",
        "T_SERVERS__<NAME>__KEY",
        "T_SERVERS__<NAME>__LIMIT_S",
    ]


def test_a_row_tells_type_bounds_default_and_meaning() -> None:
    found = {row.variable: row for row in rows(Everything, prefix="")}
    assert found["LEVEL"] == Row(variable="LEVEL", kind="`low`, `high`", default="`low`", meaning="How much.")
    assert (found["QUIET"].kind, found["QUIET"].default) == ("yes or no", "`false`")
    assert (found["MAIN__URL"].kind, found["MAIN__URL"].default) == ("text", "required")
    assert (found["MAIN__KEY"].kind, found["MAIN__KEY"].default) == ("secret", "")
    limit = found["MAIN__LIMIT_S"]
    assert (limit.kind, limit.default, limit.meaning) == (
        "number, above 0, at most 60",
        "`2.5`",
        "Seconds \\| of patience.",
    )


def test_the_page_has_a_section_for_each_group() -> None:
    page = settings_page(Everything, prefix="T_")
    assert "## main\n\nOne server.\n\n| variable |" in page
    assert page.index("`T_LEVEL`") < page.index("## main") < page.index("## servers")
