# Bare `make` lists the targets. Hooks, CI and people call the same ones.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEV    := $(VENV)/.dev-installed
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
CODE   := src tests deploy docs chaos benchmarks
BENCH  := throughput latency scale actor record start checks
SIDE_BY_SIDE ?= 2
export RAY_ENABLE_UV_RUN_RUNTIME_ENV := 0

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test unit integration docs bench chaos soak fmt lint types arch \
	manifests-check generated check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed: make PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(PIP) install --editable .
	@touch $@

$(DEV): $(STAMP)
	@echo "Installing what tests and linters need ..."
	@$(PIP) install 'pip>=25.1'
	@$(PIP) install --group dev
	@touch $@

install: $(STAMP) ## install the fleet into .venv

install-dev: $(DEV) ## ... and what its tests and linters need

demo: $(STAMP) ## deliberate on a real bug: six agents, one verified patch
	@$(BIN)/swe-fleet demo

test: $(DEV) ## run all the tests
	@$(BIN)/python -m pytest -n $(SIDE_BY_SIDE) --dist loadfile

unit: $(DEV) ## run the unit tests and the contracts
	@$(BIN)/python -m pytest tests/unit tests/contracts

integration: $(DEV) ## run the integration tests
	@$(BIN)/python -m pytest tests/integration

docs: $(DEV) ## run the commands of the README and the tutorial
	@$(BIN)/python -m pytest tests/docs

bench: $(STAMP) ## measure the fleet beside the bare calls
	@mkdir -p benchmarks/results; for what in $(BENCH); do \
	  kept=benchmarks/results/$$what-$$(date -u +%Y%m%dT%H%M%SZ).json; echo "== $$what"; \
	  $(BIN)/swe-fleet bench $$what --json > $$kept || { rm -f $$kept; exit 1; }; \
	  $(BIN)/python benchmarks/table.py $$kept; \
	done; $(BIN)/python benchmarks/plots.py

chaos: $(STAMP) ## break a fleet of processes for a quarter of an hour and judge what is left (SEED=1)
	@$(BIN)/python -m chaos --at-once 2 --seed $(or $(SEED),1)

soak: $(STAMP) ## load a fleet for twenty minutes and see that it does not grow
	@$(BIN)/python -m chaos.soak

fmt: $(DEV) ## format the code
	@$(BIN)/ruff format $(CODE) && $(BIN)/ruff check --fix-only --quiet $(CODE)

lint: $(DEV) ## ruff: format and rules
	@$(BIN)/ruff format --check $(CODE) && $(BIN)/ruff check $(CODE)

types: $(DEV) ## mypy --strict, tests included
	@$(BIN)/mypy

arch: $(DEV) ## import-linter: layers and forbidden imports
	@$(BIN)/lint-imports

manifests-check: $(DEV) ## render the Kubernetes manifests and hold them to the rules
	@PYTHONPATH=deploy/check $(BIN)/python -m fleet_manifests

generated: $(DEV) ## write the pages and schemas that come from the code
	@PYTHONPATH=docs/generator $(BIN)/python -m fleet_docs

check: lint types arch manifests-check test ## everything that CI runs

clean: ## remove what building and testing left behind
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
