"""Network policies: everything is denied by default, and what the settings need is allowed on both ends."""

from collections.abc import Iterator, Mapping
from typing import Any

from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding
from fleet_manifests.links import Link, links
from fleet_manifests.pods import Pod, pods_of
from fleet_manifests.rendering import Manifest, Rendering


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for expression in selector.get("matchExpressions") or ():
        value = labels.get(expression["key"])
        holds = {
            "In": value in (expression.get("values") or ()),
            "NotIn": value not in (expression.get("values") or ()),
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[expression["operator"]]
        if not holds:
            return False
    return True


def _port_matches(port: Mapping[str, Any], link: Link) -> bool:
    wanted = port.get("port")
    if isinstance(wanted, str):
        return wanted == link.port_name
    low = int(wanted or 0)
    high = int(port.get("endPort", low if wanted else 65535))
    return low <= link.port <= high


def _peer_matches(peer: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    if "namespaceSelector" in peer or "ipBlock" in peer:
        return False
    return _matches(peer.get("podSelector") or {}, labels)


def _allows(policy: Manifest, link: Link, *, egress: bool) -> bool:
    spec = policy.body["spec"]
    near, far = (link.source, link.target) if egress else (link.target, link.source)
    if not _matches(spec.get("podSelector") or {}, near.labels):
        return False
    for rule in spec.get("egress" if egress else "ingress") or ():
        peers = rule.get("to" if egress else "from")
        ports = rule.get("ports")
        reaches = not peers or any(_peer_matches(peer, far.labels) for peer in peers)
        if reaches and (not ports or any(_port_matches(port, link) for port in ports)):
            return True
    return False


def _policies(rendering: Rendering) -> list[Manifest]:
    return [manifest for manifest in rendering.world if manifest.kind == "NetworkPolicy"]


def default_deny(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """One policy denies every pod of the namespace everything, in both directions."""
    del facts
    for policy in _policies(rendering):
        spec = policy.body["spec"]
        everything = not spec.get("podSelector") and set(spec.get("policyTypes") or ()) == {
            "Ingress",
            "Egress",
        }
        if everything and not spec.get("ingress") and not spec.get("egress"):
            return
    yield Finding(rule="default-deny", where=rendering.name, problem="no policy denies everything by default")


def reachability(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """What a pod is told to talk to, it may talk to: its egress and the other's ingress allow the port."""
    del facts
    policies = _policies(rendering)
    for link in links(rendering):
        for egress, end in ((True, "its egress"), (False, "the other's ingress")):
            if not any(_allows(policy, link, egress=egress) for policy in policies):
                problem = f"uses {link.address}, but {end} forbids it"
                yield Finding(rule="reachability", where=link.source.where, problem=problem)


def open_ports(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Named ports that policies open exist on the pods they select, and every policy selects some."""
    del facts
    templates = [pod for manifest in rendering.world for pod in pods_of(manifest) if not pod.partial]
    for policy in rendering.of_kind("NetworkPolicy"):
        spec = policy.body["spec"]
        selected = [pod for pod in templates if _matches(spec.get("podSelector") or {}, pod.labels)]
        if not selected:
            yield Finding(rule="network-policy", where=policy.where, problem="selects no pod")
        inward = ((name, selected) for rule in spec.get("ingress") or () for name in _named(rule))
        outward = (
            (name, [pod for pod in templates if _is_peer(rule, pod)])
            for rule in spec.get("egress") or ()
            for name in _named(rule)
        )
        for name, openers in (*inward, *outward):
            if not any(name in _names(pod) for pod in openers):
                problem = f"names port {name}, which no pod at that end opens"
                yield Finding(rule="network-policy", where=policy.where, problem=problem)


def _named(rule: Mapping[str, Any]) -> Iterator[str]:
    return (port["port"] for port in rule.get("ports") or () if isinstance(port.get("port"), str))


def _is_peer(rule: Mapping[str, Any], pod: Pod) -> bool:
    return any(_peer_matches(peer, pod.labels) for peer in rule.get("to") or ())


def _names(pod: Pod) -> set[str]:
    return {p.get("name", "") for c in pod.containers() for p in c.body.get("ports") or ()}
