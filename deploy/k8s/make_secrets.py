"""Make the Secrets of an installation, and rotate the NATS keys of a component without a gap.

    python deploy/k8s/make_secrets.py new --tls | kubectl apply -f -

Values go to standard output and nowhere else. Each component has two NATS keys that the servers accept, ``seed`` and
``seed.next``: ``swap`` makes the component use the other one, ``renew`` replaces the one that it no longer uses.
"""

import base64
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click
import nkeys
import yaml

COMPONENTS = ("worker", "agent", "streams", "submitter", "consumer", "backup")
"""Those with a user in ``accounts.conf``; the system account has one key and no rotation of its own."""
ACCOUNTS = "nats-accounts"
SERVER_NAMES = ("nats", "nats-headless", "*.nats-headless", "localhost")
CERTIFICATE_DAYS = 365

Values = dict[str, dict[str, str]]
"""Secrets by name: their values by key."""


def new_seed() -> str:
    """A fresh nkey seed of a NATS user."""
    seed: bytes = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    return seed.decode()


def public_key(seed: str) -> str:
    """The public key that the servers know a seed by."""
    pair = nkeys.from_seed(bytearray(seed.encode()))
    try:
        public: bytes = pair.public_key
        return public.decode()
    finally:
        pair.wipe()


def _variables(values: Values) -> str:
    lines = [f"SYSTEM_NKEY: {public_key(values['nats-system']['seed'])}"]
    for component in COMPONENTS:
        own = values[f"nats-{component}"]
        lines.append(f"{component.upper()}_NKEY: {public_key(own['seed'])}")
        lines.append(f"{component.upper()}_NKEY_NEXT: {public_key(own['seed.next'])}")
    return "\n".join(lines) + "\n"


def new_secrets() -> Values:
    """Fresh values for every Secret except certificates."""
    values: Values = {f"nats-{name}": {"seed": new_seed(), "seed.next": new_seed()} for name in COMPONENTS}
    values["nats-system"] = {"seed": new_seed()}
    values[ACCOUNTS] = {"nkeys.conf": _variables(values)}
    values["ray-auth"] = {"auth_token": secrets.token_hex(32)}
    values["vllm-api-key"] = {"api-key": secrets.token_urlsafe(32)}
    return values


def swap(values: Values, component: str) -> Values:
    """The component's Secret with its two keys exchanged; both stay valid.

    Raises:
        KeyError: the component's Secret is not among the values.
    """
    own = values[f"nats-{component}"]
    return {f"nats-{component}": {"seed": own["seed.next"], "seed.next": own["seed"]}}


def renew(values: Values, component: str) -> Values:
    """The component's Secret with a fresh next key, and the accounts that accept it in the old one's stead.

    Raises:
        KeyError: the component's Secret or the accounts are not among the values.
        ValueError: the accounts do not know the key that is to be replaced.
    """
    own = values[f"nats-{component}"]
    accounts, old = values[ACCOUNTS]["nkeys.conf"], public_key(own["seed.next"])
    if old not in accounts:
        raise ValueError(f"{ACCOUNTS} does not know the next key of {component}")
    fresh = new_seed()
    return {
        f"nats-{component}": {"seed": own["seed"], "seed.next": fresh},
        ACCOUNTS: {"nkeys.conf": accounts.replace(old, public_key(fresh))},
    }


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def new_certificates() -> Values:
    """A certificate for the NATS servers from an authority that is thrown away: renewing means a new authority.

    Raises:
        FileNotFoundError: openssl is not installed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = ",".join(f"DNS:{server}" for server in SERVER_NAMES)
        extensions = folder / "extensions"
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        days = str(CERTIFICATE_DAYS)
        authority = ("-subj", "/CN=swe-ai-fleet NATS authority", "-days", days)
        _openssl("req", "-x509", *ec, *authority, "-keyout", f"{name}/ca.key", "-out", f"{name}/ca.crt")
        _openssl("req", *ec, "-subj", "/CN=nats", "-keyout", f"{name}/tls.key", "-out", f"{name}/tls.csr")
        signer = ("-CA", f"{name}/ca.crt", "-CAkey", f"{name}/ca.key", "-CAcreateserial", "-days", days)
        request = ("-in", f"{name}/tls.csr", "-extfile", str(extensions), "-out", f"{name}/tls.crt")
        _openssl("x509", "-req", *signer, *request)
        return {"nats-tls": {key: (folder / key).read_text() for key in ("tls.crt", "tls.key", "ca.crt")}}


def to_manifests(values: Values, namespace: str) -> str:
    """The Secrets as YAML for ``kubectl apply``."""
    documents = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "type": "Opaque",
            "stringData": entries,
        }
        for name, entries in sorted(values.items())
    ]
    return yaml.safe_dump_all(documents, sort_keys=False)


def _entries(secret: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    encoded = {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
    return encoded | dict(secret.get("stringData") or {})


def from_manifests(text: str) -> Values:
    """Values of the Secrets in a YAML text, as ``kubectl get secret -o yaml`` or this program prints them."""
    values: Values = {}
    for document in yaml.safe_load_all(text):
        for secret in (document or {}).get("items") or [document or {}]:
            if secret.get("kind") == "Secret":
                values[secret["metadata"]["name"]] = _entries(secret)
    return values


@click.group()
def main() -> None:
    """Make Secrets, or rotate the NATS keys of a component."""


@main.command("new")
@click.option("--namespace", default="swe-ai-fleet", show_default=True)
@click.option("--tls", is_flag=True, help="Also a certificate for NATS (components/tls); needs openssl.")
def _new(namespace: str, *, tls: bool) -> None:
    """Print fresh Secrets for a whole installation."""
    values = new_secrets() | (new_certificates() if tls else {})
    click.echo(to_manifests(values, namespace), nl=False)


@main.command("rotate")
@click.argument("step", type=click.Choice(["swap", "renew"]))
@click.argument("component", type=click.Choice(COMPONENTS))
@click.option("--namespace", default="swe-ai-fleet", show_default=True)
def _rotate(step: str, component: str, namespace: str) -> None:
    """Read Secrets from standard input and print those that change in this step."""
    values = from_manifests(sys.stdin.read())
    try:
        changed = swap(values, component) if step == "swap" else renew(values, component)
    except KeyError as error:
        raise click.ClickException(f"Secret {error} is not in what was given on standard input") from error
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(to_manifests(changed, namespace), nl=False)


if __name__ == "__main__":
    main()
