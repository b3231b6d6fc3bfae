"""Every alert has its paragraph in the operations page, and dashboards are readable."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from swe_ai_fleet.cli.metrics import Metrics

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "deploy" / "k8s" / "components" / "monitoring"
RULES = [
    rule
    for group in yaml.safe_load((MONITORING / "fleet.rules.yml").read_text())["groups"]
    for rule in group["rules"]
]


def test_alerts_and_paragraphs_are_the_same() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    explained = re.findall(r"^### (Fleet\w+)$", page, re.MULTILINE)
    assert sorted(explained) == sorted(rule["alert"] for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_its_paragraph(rule: dict[str, dict[str, str]]) -> None:
    anchor = str(rule["alert"]).lower()
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{anchor}"
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


@pytest.mark.parametrize(
    "path", sorted((MONITORING / "dashboards").glob("*.json")), ids=lambda path: path.stem
)
def test_a_dashboard_asks_something_in_every_panel(path: Path) -> None:
    panels = [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]
    assert panels
    assert [panel["title"] for panel in panels if not panel.get("targets")] == []


def test_rules_and_dashboards_ask_for_metrics_that_workers_have() -> None:
    shown = Metrics(since=datetime(2026, 1, 1, tzinfo=UTC)).text().decode()
    known = set(re.findall(r"^# TYPE (\w+)", shown, re.MULTILINE))
    texts = [path.read_text() for path in MONITORING.rglob("*") if path.suffix in {".yml", ".json"}]
    asked = {name for text in texts for name in re.findall(r"\bfleet_\w+", text)}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} <= known
