"""Checks the Kubernetes manifests without a cluster: renders each overlay and holds it to rules.

``python -m fleet_manifests`` (with ``deploy/check`` on the path) is ``make manifests-check``.
"""
