"""All overlays pass the check, and each kind of mistake is caught where it is planted."""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fleet_manifests.facts import Facts, ray_of_image
from fleet_manifests.references import unused_secrets
from fleet_manifests.rendering import RenderError, render
from fleet_manifests.rules import check, render_tree
from swe_ai_fleet.settings import load_settings

pytestmark = pytest.mark.k8s
ROOT = Path(__file__).parents[3]
WORKER = "base/worker/deployment.yaml"
RAY = "base/ray/cluster/raycluster.yaml"
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


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One mistake: ``old`` becomes ``new`` in a file of ``deploy/k8s``; the rule says ``says``."""

    name: str
    file: str
    old: str
    new: str
    rule: str
    says: str
    overlay: str = "overlays/production"
    custom: bool = False


PLANTED = [
    Planted(
        name="typo in a field of a Deployment",
        file=WORKER,
        old="revisionHistoryLimit:",
        new="revisionHistoryLimt:",
        rule="schema",
        says="revisionHistoryLimt",
    ),
    Planted(
        name="typo in a field of the RayCluster",
        file=RAY,
        old="  upgradeStrategy:",
        new="  upgradeStrategie:",
        rule="schema",
        says="upgradeStrategie",
        custom=True,
    ),
    Planted(
        name="typo in a pod template inside the RayCluster",
        file=RAY,
        old="terminationGracePeriodSeconds: 30",
        new="terminationGracePeriod: 30",
        rule="schema",
        says="terminationGracePeriod",
    ),
    Planted(
        name="typo in the RayJob",
        file="jobs/batch/cluster/rayjob.yaml",
        old="backoffLimit:",
        new="backoffLimt:",
        rule="schema",
        says="backoffLimt",
        overlay="jobs/batch",
        custom=True,
    ),
    Planted(
        name="typo in the ScaledObject",
        file="components/keda/scaled-objects.yaml",
        old="  advanced:",
        new="  advancd:",
        rule="schema",
        says="advancd",
        custom=True,
    ),
    Planted(
        name="missing Service",
        file="base/vllm/kustomization.yaml",
        old="service.yaml, ",
        new="",
        rule="address",
        says="there is no Service vllm-replicas",
    ),
    Planted(
        name="address with a port that the Service lacks",
        file="base/settings/fleet.env",
        old="nats:4222",
        new="nats:4223",
        rule="address",
        says="Service nats has no port 4223",
        overlay="overlays/local",
    ),
    Planted(
        name="address of a Service that does not exist",
        file="base/settings/fleet.env",
        old="fleet-head-svc",
        new="ray-head-svc",
        rule="address",
        says="there is no Service ray-head-svc",
    ),
    Planted(
        name="wrong port name in a probe",
        file=WORKER,
        old="httpGet: {path: /readyz, port: health}",
        new="httpGet: {path: /readyz, port: helth}",
        rule="reference",
        says="readinessProbe asks port helth",
    ),
    Planted(
        name="wrong port name in a Service",
        file="base/vllm/service.yaml",
        old="targetPort: http}",
        new="targetPort: web}",
        rule="reference",
        says="leads to web, which no container opens",
    ),
    Planted(
        name="privileged container",
        file=WORKER,
        old="allowPrivilegeEscalation: false",
        new="privileged: true",
        rule="pod-security",
        says="the container is privileged",
    ),
    Planted(
        name="privileged container inside the RayCluster",
        file=RAY,
        old="&container-security\n                allowPrivilegeEscalation: false",
        new="&container-security\n                privileged: true",
        rule="pod-security",
        says="the container is privileged",
    ),
    Planted(
        name="container that runs as root",
        file="base/nats/statefulset.yaml",
        old="runAsUser: 10001",
        new="runAsUser: 0",
        rule="pod-security",
        says="runAsUser is 0",
    ),
    Planted(
        name="folder of the node",
        file="base/vllm/deployment.yaml",
        old="emptyDir: {sizeLimit: 10Gi}",
        new="hostPath: {path: /var/cache}",
        rule="pod-security",
        says="volume cache is a hostPath",
    ),
    Planted(
        name="writable root filesystem of the autoscaler",
        file="overlays/production/raycluster.yaml",
        old="readOnlyRootFilesystem: true",
        new="readOnlyRootFilesystem: false",
        rule="pod-security",
        says="readOnlyRootFilesystem is not true",
    ),
    Planted(
        name="namespace that is not restricted",
        file="base/namespace/namespace.yaml",
        old="enforce: restricted",
        new="enforce: baseline",
        rule="namespace-security",
        says="baseline, not restricted",
    ),
    Planted(
        name="API token where none is needed",
        file=WORKER,
        old="automountServiceAccountToken: false",
        new="automountServiceAccountToken: true",
        rule="api-token",
        says="is not false",
    ),
    Planted(
        name="missing limit",
        file=WORKER,
        old='limits: {cpu: "2", memory: 1Gi}',
        new='limits: {cpu: "2"}',
        rule="resources",
        says="no limit on memory",
    ),
    Planted(
        name="missing request inside the RayCluster",
        file=RAY,
        old='requests: {cpu: "2", memory: 4Gi}',
        new="requests: {memory: 4Gi}",
        rule="resources",
        says="no request for cpu",
    ),
    Planted(
        name="image without a version",
        file="base/nats/statefulset.yaml",
        old="nats:2.15.1-alpine",
        new="nats:alpine",
        rule="image",
        says="nats:alpine is no version",
    ),
    Planted(
        name="image of the fleet with another version of Ray",
        file="overlays/production/kustomization.yaml",
        old="0.1.0-ray2.60.0",
        new="0.1.0-ray2.59.0",
        rule="version",
        says="is not 0.1.0-ray2.60.0",
    ),
    Planted(
        name="Ray cluster of another version",
        file=RAY,
        old='rayVersion: "2.60.0"',
        new='rayVersion: "2.59.0"',
        rule="version",
        says="rayVersion 2.59.0",
    ),
    Planted(
        name="Ray without a token",
        file=RAY,
        old="mode: token",
        new="mode: disabled",
        rule="ray-token",
        says="names no token Secret",
    ),
    Planted(
        name="unknown setting",
        file="base/settings/fleet.env",
        old="FLEET_LOG__LEVEL",
        new="FLEET_LOG_LEVEL",
        rule="setting",
        says="FLEET_LOG_LEVEL",
    ),
    Planted(
        name="unknown setting in a container",
        file=WORKER,
        old="FLEET_WORKER__HEALTH_PORT",
        new="FLEET_WORKER__HEALTHPORT",
        rule="setting",
        says="FLEET_WORKER__HEALTHPORT",
    ),
    Planted(
        name="unknown command of the worker",
        file=WORKER,
        old="command: [swe-fleet, worker]",
        new="command: [swe-fleet, work]",
        rule="command",
        says="no command swe-fleet work",
    ),
    Planted(
        name="unknown command of the batch",
        file="jobs/batch/cluster/rayjob.yaml",
        old="swe-fleet batch",
        new="swe-fleet bach",
        rule="command",
        says="no command swe-fleet bach",
        overlay="jobs/batch",
    ),
    Planted(
        name="stream drift",
        file="base/streams/streams.json",
        old='"retention": "workqueue"',
        new='"retention": "limits"',
        rule="stream-drift",
        says="FLEET_COMMANDS: retention is limits",
    ),
    Planted(
        name="more copies of a stream than servers",
        file="overlays/production/nats.yaml",
        old="replicas: 3",
        new="replicas: 2",
        rule="stream-replicas",
        says="3 copies on 2 servers",
    ),
    Planted(
        name="scaler that reads a consumer nobody declares",
        file="components/keda/scaled-objects.yaml",
        old="consumer: workers",
        new="consumer: worker",
        rule="reference",
        says="no consumer worker of FLEET_COMMANDS",
    ),
    Planted(
        name="scaler of a workload that does not exist",
        file="components/keda/scaled-objects.yaml",
        old="kind: Deployment, name: worker",
        new="kind: Deployment, name: wroker",
        rule="reference",
        says="there is no Deployment wroker",
    ),
    Planted(
        name="permission on a stream that is not declared",
        file="base/nats/accounts.conf",
        old="$JS.API.STREAM.INFO.FLEET_EVENTS",
        new="$JS.API.STREAM.INFO.FLEET_EVENT",
        rule="reference",
        says="permits FLEET_EVENT,",
    ),
    Planted(
        name="missing Secret",
        file=WORKER,
        old="secretName: nats-worker",
        new="secretName: nats-workers",
        rule="reference",
        says="there is no Secret nats-workers",
    ),
    Planted(
        name="missing key of a Secret",
        file=WORKER,
        old="key: auth_token",
        new="key: token",
        rule="reference",
        says="Secret ray-auth has no key token",
    ),
    Planted(
        name="missing ConfigMap inside the RayCluster",
        file=RAY,
        old="configMapRef: {name: fleet-settings}",
        new="configMapRef: {name: fleet-setting}",
        rule="reference",
        says="there is no ConfigMap fleet-setting",
    ),
    Planted(
        name="missing volume claim",
        file="base/vllm/kustomization.yaml",
        old="model-cache.yaml, ",
        new="",
        rule="reference",
        says="there is no PersistentVolumeClaim model-cache",
        overlay="overlays/single-gpu",
    ),
    Planted(
        name="mount of a volume that is not there",
        file=WORKER,
        old="- {name: data, mountPath",
        new="- {name: date, mountPath",
        rule="reference",
        says="there is no volume date",
    ),
    Planted(
        name="no default deny",
        file="base/network/kustomization.yaml",
        old="default-deny.yaml, ",
        new="",
        rule="default-deny",
        says="no policy denies everything",
    ),
    Planted(
        name="client that no policy lets through",
        file=WORKER,
        old='fleet-access/nats: "true"',
        new='fleet-access/nat: "true"',
        rule="reachability",
        says="uses nats:4222, but its egress forbids it",
    ),
    Planted(
        name="policy that opens a port by a wrong name",
        file="base/nats/network-policy.yaml",
        old="port: routes}",
        new="port: route}",
        rule="network-policy",
        says="names port route",
    ),
    Planted(
        name="missing probe",
        file="base/nats/statefulset.yaml",
        old='          livenessProbe:\n            httpGet: {path: "/healthz?js-enabled-only=true", port: monitor}\n'
        "            periodSeconds: 20\n            timeoutSeconds: 5\n",
        new="",
        rule="probes",
        says="has no livenessProbe",
    ),
    Planted(
        name="missing disruption budget",
        file="base/worker/kustomization.yaml",
        old=", disruption-budget.yaml",
        new="",
        rule="budget",
        says="0 disruption budgets",
    ),
    Planted(
        name="spread that counts other pods",
        file="base/vllm/deployment.yaml",
        old="labelSelector:\n            matchLabels: {app.kubernetes.io/name: vllm}",
        new="labelSelector:\n            matchLabels: {app.kubernetes.io/name: vlm}",
        rule="spread",
        says="does not count its own pods",
    ),
    Planted(
        name="metrics looked up at a port that nobody serves",
        file="components/monitoring/prometheus.yml",
        old="port: 8081",
        new="port: 8082",
        rule="address",
        says="Service worker has no port 8082",
    ),
    Planted(
        name="variable given twice",
        file=WORKER,
        old="- {name: FLEET_WORKER__HEALTH_PORT",
        new="- {name: RAY_AUTH_MODE, value: disabled}\n            - {name: FLEET_WORKER__HEALTH_PORT",
        rule="duplicate-name",
        says="RAY_AUTH_MODE is given twice",
        overlay="overlays/local",
    ),
]


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
