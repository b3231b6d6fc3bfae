# Bare `make` lists the targets. Hooks, CI and people call the same ones.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEV    := $(VENV)/.dev-installed
export RAY_ENABLE_UV_RUN_RUNTIME_ENV := 0

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test unit integration fmt lint types arch check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed: make PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(DEV): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@

install: $(STAMP) ## install the fleet into .venv

install-dev: $(DEV) ## ... and what its tests and linters need

demo: $(STAMP) ## deliberate on a real bug: six agents, one verified patch
	@$(BIN)/swe-fleet demo

test: $(DEV) ## run all the tests
	@$(BIN)/python -m pytest

unit: $(DEV) ## run the unit tests
	@$(BIN)/python -m pytest tests/unit tests/contracts

integration: $(DEV) ## run the integration tests
	@$(BIN)/python -m pytest tests/integration

fmt: $(DEV) ## format the code
	@$(BIN)/ruff format src tests && $(BIN)/ruff check --fix-only --quiet src tests

lint: $(DEV) ## ruff: format and rules
	@$(BIN)/ruff format --check src tests && $(BIN)/ruff check src tests

types: $(DEV) ## mypy --strict, tests included
	@$(BIN)/mypy

arch: $(DEV) ## import-linter: layers and forbidden imports
	@$(BIN)/lint-imports

check: lint types arch test ## everything that CI runs
