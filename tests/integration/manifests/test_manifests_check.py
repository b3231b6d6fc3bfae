"""All overlays pass the check, and each kind of mistake is caught where it is planted."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from planted_mistakes import PLANTED, Planted

from fleet_manifests.facts import Facts, ray_of_image
from fleet_manifests.references import unused_secrets
from fleet_manifests.rendering import RenderError, render
from fleet_manifests.rules import check, render_tree
from swe_ai_fleet.settings import load_settings

pytestmark = pytest.mark.k8s
ROOT = Path(__file__).parents[3]
NEEDS_SCHEMAS = "set FLEET_CRD_SCHEMAS to a folder with the CRDs of KubeRay and KEDA (docs/operations.md)"


def test_every_overlay_and_job_passes(facts: Facts) -> None:
    renderings = tuple(render_tree(ROOT / "deploy" / "k8s"))
    found = [f"{r.name}: {finding}" for r in renderings for finding in check(r, facts)]
    assert [*found, *map(str, unused_secrets(renderings, facts))] == []
    assert {r.name for r in renderings} >= {"local", "single-gpu", "production", "batch", "model-download"}


@pytest.mark.parametrize("overlay", ["local", "single-gpu", "single-gpu-mig", "production"])
def test_the_fleet_takes_the_settings_of_an_overlay(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rendering = render(ROOT / "deploy/k8s/overlays" / overlay)
    [settings] = [m for m in rendering.of_kind("ConfigMap") if m.name.startswith("fleet-settings")]
    [worker] = [m for m in rendering.of_kind("Deployment") if m.name == "worker"]
    [container] = worker.body["spec"]["template"]["spec"]["containers"]
    literal = {item["name"]: item["value"] for item in container["env"] if "value" in item}
    for name, value in {**settings.body["data"], **literal}.items():
        monkeypatch.setenv(name, value)
    loaded = load_settings()
    assert loaded.worker.health_port == container["ports"][0]["containerPort"]
    assert loaded.default_models() == (("offline:repair",) if overlay == "local" else ("vllm:Qwen/Qwen3-8B",))
    assert not loaded.nats.declare_streams
    assert bool(loaded.nats.tls_ca_file) == (overlay == "production")


def test_prometheus_takes_the_alert_rules_and_its_configuration() -> None:
    checker = shutil.which("promtool")
    if checker is None:
        pytest.skip("needs promtool: apt-get install prometheus. Then: pytest -m k8s")
    monitoring = ROOT / "deploy/k8s/components/monitoring"
    for checked in (
        ("rules", str(monitoring / "fleet.rules.yml")),
        ("config", "--syntax-only", str(monitoring / "prometheus.yml")),
    ):
        done = subprocess.run([checker, "check", *checked], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_mistake_is_caught(tree: Path, facts: Facts, planted: Planted) -> None:
    if planted.custom and not facts.custom_kinds:
        pytest.skip(NEEDS_SCHEMAS)
    path = tree / "k8s" / planted.file
    text = path.read_text()
    assert planted.old in text, "the mistake has to be planted somewhere"
    path.write_text(text.replace(planted.old, planted.new))
    beside = render(ROOT / "deploy/k8s/overlays/production").manifests if "jobs/" in planted.overlay else ()
    found = [*check(render(tree / "k8s" / planted.overlay, beside=beside), facts)]
    assert [f for f in found if f.rule == planted.rule and planted.says in f.problem], found


def test_another_version_of_ray_in_the_image_is_caught(tree: Path, facts: Facts) -> None:
    dockerfile = tree / "docker" / "fleet.Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("RAY_VERSION=2.60.0", "RAY_VERSION=2.59.1"))
    other = replace(facts, ray_in_image=ray_of_image(dockerfile))
    found = [*check(render(tree / "k8s/overlays/local"), other)]
    assert "installs Ray 2.59.1, the package requires 2.60.*" in [finding.problem for finding in found]


def test_a_secret_that_nothing_refers_to_is_caught(tree: Path, facts: Facts) -> None:
    driver = tree / "k8s/base/vllm/deployment.yaml"
    driver.write_text(driver.read_text().replace("name: vllm-api-key", "name: ray-auth"))
    for path in ("base/worker/deployment.yaml", "base/ray/cluster/raycluster.yaml", "jobs/batch/driver.yaml"):
        file = tree / "k8s" / path
        file.write_text(file.read_text().replace("name: vllm-api-key", "name: ray-auth"))
    found = [*unused_secrets(tuple(render_tree(tree / "k8s")), facts)]
    assert [finding.where for finding in found] == ["Secret/vllm-api-key"]


def test_a_patch_that_hits_nothing_stops_the_rendering(tree: Path) -> None:
    patch = tree / "k8s/components/tls/worker.yaml"
    patch.write_text(patch.read_text().replace("name: worker\nspec", "name: walker\nspec"))
    with pytest.raises(RenderError, match="walker"):
        render(tree / "k8s/overlays/production")
