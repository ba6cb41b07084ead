# Everything a person does with this repository. `make` alone lists it.
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Two cores are the smallest machine that we support; a larger one may set JOBS.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: .installed help venv lock up down reset status servers test lint types contracts acceptance capture fuzz rig rig-full bench bench-engine openapi docs translations pictures

help: ## List what can be done
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use it
up: venv ## Start a local Kubernetes and MCD, deploy examples/shop, print where it is (DB=postgres for PostgreSQL)
	@$(BIN)/python -m scripts.up $(if $(DB),--database $(DB))

down: .installed ## Stop everything that `make up` started
	@$(BIN)/python -m scripts.up --down

reset: .installed ## Stop everything and forget its data
	@$(BIN)/python -m scripts.up --reset

# 3 says that not everything runs: an answer, not an error.
status: .installed ## What runs, and where
	@$(BIN)/python -m scripts.up --status || test $$? -eq 3

.installed:
	@test -x $(BIN)/python || { echo "make: there is no .venv here, so nothing of this checkout runs. Start it: make up" >&2; exit 2; }

##@ Work on it
venv: .venv/.complete ## Make the virtual environment from the lock file

.venv/.complete: requirements/dev.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: there is no $(PYTHON). Install Python 3.11, or say which: make PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || { echo "1/3 an empty .venv" >&2; $(PYTHON) -m venv .venv; }
	@echo "2/3 the locked packages into .venv, tests and tools among them (one to five minutes, 1.3 GB)" >&2
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --no-color --progress-bar off --require-hashes -r requirements/dev.lock \
	  | $(BIN)/python scripts/installing.py $$(grep -c '^[a-zA-Z0-9].*==' requirements/dev.lock)
	@echo "3/3 mcd itself" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## Resolve pyproject.toml into requirements/*.lock (names, versions and hashes only)
	@$(BIN)/uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/mcd.lock
	@$(BIN)/uv pip compile pyproject.toml --extra server --extra postgres --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/server.lock
	@$(BIN)/uv pip compile pyproject.toml --extra server --extra postgres --group test --group lint --group cluster --group rig --group tools --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/dev.lock

servers: venv ## Install and build the real servers that the tests start (etcd, Kubernetes, registry, buildah, PostgreSQL, Prometheus, Helm, the language server of editors, Chromium)
	@$(BIN)/python -m scripts.cluster build
	@$(BIN)/python -m scripts.promtool
	@$(BIN)/python -m scripts.helm
	@$(BIN)/python -m scripts.editor_server
	@$(BIN)/python -m scripts.chromium

test: lint servers ## Everything that CI runs
	@MCD_REQUIRE=$(if $(CI),all,$(MCD_REQUIRE)) $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: venv ## Style, types, import contracts, lock file
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m scripts.lock_check

acceptance: venv ## Every promise and every refusal on the real cluster, from a fresh clone, as a table (one to two hours)
	@$(BIN)/python -m tests.acceptance

capture: venv ## Provoke every state that `mcd why` tells, on the real node, and keep what was seen in tests/captured/why (five minutes)
	@$(BIN)/python -m tests.capture

fuzz: venv ## Invent app.yaml files until MCD breaks (INPUTS=1000000 in all, SHARD=1/2); goes on where it was
	@$(BIN)/python -m tests.rig fuzz appyaml --resume --inputs $(or $(INPUTS),1000000) --shard $(or $(SHARD),1/1)

rig: servers ## Kill MCD and break its clusters on a real API server: a fixed part of each campaign (six minutes)
	@$(BIN)/python -m tests.rig slice

rig-full: servers ## All of it: every write and commit, every fault and pair, every plant, 100 hand-overs, 50 deaths at random, 1,490 Apps at rest (hours); goes on where it was (POINTS=10000, SEED=7)
	@$(BIN)/python -m tests.rig crash --resume --points $(or $(POINTS),10000) --seed $(or $(SEED),7)
	@$(BIN)/python -m tests.rig faults --seeds 3 --seed $(or $(SEED),7)
	@$(BIN)/python -m tests.rig faults --pairs --seed $(or $(SEED),7)
	@$(BIN)/python -m tests.rig plants --seed $(or $(SEED),7)
	@$(BIN)/python -m tests.rig handover --seed $(or $(SEED),7)
	@$(BIN)/python -m tests.rig chaos --seed $(or $(SEED),7)
	@$(BIN)/python -m tests.rig quiet

bench: venv ## What a compile costs, beside PyYAML and kustomize; writes the table of docs/benchmarks.md
	@$(BIN)/python -m bench compile --page

bench-engine: venv servers ## What the engine costs, beside a bare client and kubectl on API servers of its own, in small (APPS=300)
	@worst=0; for run in "bulk --turns 3" noop coldstart fairness "fleet --clusters 3 --turns 1"; do \
	  $(BIN)/python -m bench $$run --apps $(or $(APPS),300) || worst=$$?; done; \
	for run in change commit "drift --apps 60" "away --apps 30 --clusters 3"; do \
	  $(BIN)/python -m bench $$run || worst=$$?; done; exit $$worst

##@ Generated pages
docs: venv ## Write the generated references in docs/reference, and the dashboard
	@$(BIN)/python -m scripts.dashboard
	@$(BIN)/python -m scripts.reference
	@$(BIN)/python scripts/write_command_reference.py
	@$(BIN)/python -m scripts.chart_page

pictures: servers ## Take the pictures of docs/portal.md again (two minutes)
	@$(BIN)/python -m scripts.pictures

openapi: venv ## Write docs/openapi.json
	@$(BIN)/python -m scripts.openapi

translations: venv ## Find what the portal says, bring its catalogues up to date, list what is not translated
	@$(BIN)/python -m scripts.translations
