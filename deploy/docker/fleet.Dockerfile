# syntax=docker/dockerfile:1.7
# The one image of the fleet: command line, worker, Ray nodes, jobs. From the repository's root:
#   docker build -f deploy/docker/fleet.Dockerfile -t swe-ai-fleet:0.1.0-ray2.60.0 .
# Drivers and Ray nodes have to agree on Python and on Ray, so they are one image. The tag names both versions.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
ARG RAY_VERSION=2.60.0

# The wheel, built once; nothing else of the source goes on.
FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
RUN pip install --no-cache-dir --disable-pip-version-check build==1.3.0 hatchling==1.27.0
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY examples/inventory examples/inventory
RUN python -m build --wheel --no-isolation --outdir /wheels

# What it needs, by hash; only wheels, so no compiler is needed even here (nkeys is pure Python without a wheel).
FROM ${PYTHON_IMAGE} AS environment
ARG RAY_VERSION
RUN python -m venv /opt/fleet
COPY deploy/docker/requirements.lock /requirements.lock
RUN grep -q "^ray==${RAY_VERSION} " /requirements.lock \
 && /opt/fleet/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes \
      --only-binary :all: --no-binary nkeys -r /requirements.lock
COPY --from=wheel /wheels /wheels
RUN /opt/fleet/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-index /wheels/*.whl \
 && /opt/fleet/bin/pip check \
 && /opt/fleet/bin/python -c "import ray; assert ray.__version__ == '${RAY_VERSION}', ray.__version__"

# What runs: Python, that environment, git and bubblewrap for the sandbox, and a user of its own.
FROM ${PYTHON_IMAGE} AS fleet
ARG RAY_VERSION
LABEL org.opencontainers.image.title="swe-ai-fleet" \
      org.opencontainers.image.licenses="Apache-2.0" \
      io.ray.version="${RAY_VERSION}"
# Debian keeps one build of a package: a version written here would soon be none. The base's release fixes them.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends bubblewrap git \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 fleet \
 && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin fleet \
 && install -d -o fleet -g fleet /var/lib/swe-ai-fleet
COPY --from=environment /opt/fleet /opt/fleet
ENV PATH=/opt/fleet/bin:$PATH \
    HOME=/home/fleet \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RAY_AUTH_MODE=token \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_ENABLE_UV_RUN_RUNTIME_ENV=0
USER 10001:10001
WORKDIR /home/fleet
CMD ["swe-fleet", "--help"]
