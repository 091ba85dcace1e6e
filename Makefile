# `make help` lists what there is. Needs git, make and Python 3.11 or newer, and nothing else.
PYTHON ?= python3
DOMAINS := $(notdir $(patsubst %/pyproject.toml,%,$(wildcard domains/*/pyproject.toml)))
BIN := .venv/bin

new_enough = $(shell $(PYTHON) -c 'import sys; sys.version_info >= (3, 11) and print("yes")' 2>/dev/null)
needs_python = $(if $(new_enough),,$(error The mesh needs Python 3.11 or newer and `$(PYTHON)` is $(or $(shell command -v $(PYTHON) >/dev/null && $(PYTHON) --version 2>&1 | tail -n 1),missing). Name another: make $(firstword $(MAKECMDGOALS) setup) PYTHON=/path/to/python3.11))
environments = $(needs_python)@$(PYTHON) scripts/make_environments.py

.PHONY: help setup demo materialize test test-full test-scale test-fast attack check validate ci docs screenshots bench bench-scale lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## make or reuse one environment per code location, and one for the tools
	$(environments)

demo: setup ## materialize every data product, then serve the UI until Ctrl-C
	@$(BIN)/mesh run
	@exec $(BIN)/mesh serve

materialize: setup ## materialize every data product
	@$(BIN)/mesh run

test: setup ## run the tests of the library, of each domain in its own environment, and across them
	@$(BIN)/python scripts/run_tests.py

test-full: setup ## run what `make test` leaves out: kills, fuzzing, the UI, other environments
	@$(BIN)/python scripts/run_tests.py full

test-scale: setup ## run those of `make test-full` that start Postgres, an object store, code servers and Spark
	@$(BIN)/python scripts/run_tests.py scale

test-fast: setup ## run those of `make test` that do not need the mesh of all products
	@$(BIN)/python scripts/run_tests.py fast

attack: setup ## run every attack that the tests know, and again with each wall switched off (half an hour)
	@$(BIN)/python scripts/run_attacks.py

check: setup ## lint, types, the layers of the tree, the public face, links, owners, then validate
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --cache-dir .mypy_cache/tools platform_core/src scripts benchmarks
	@for domain in $(DOMAINS); do \
	  set -- $(BIN)/mypy --cache-dir .mypy_cache/$$domain \
	    --python-executable domains/$$domain/.venv/bin/python domains/$$domain/src; \
	  echo "$$@"; "$$@" || exit 1; \
	done
	$(BIN)/python scripts/lint_imports.py
	$(BIN)/python scripts/public_face.py
	$(BIN)/python scripts/build_site.py --check
	$(BIN)/python scripts/codeowners.py --check
	@$(MAKE) --no-print-directory validate

validate: setup ## the definitions of all code locations, and the policies over the whole workspace
	$(BIN)/dg check defs
	$(BIN)/mesh validate

ci: setup ## what a pull request runs, on a scratch repository with two commits (a minute)
	@$(BIN)/python scripts/try_ci.py

docs: setup ## build the documentation as a site that opens without a network
	$(environments) docs/site
	@$(BIN)/python scripts/build_site.py

screenshots: setup ## take the pictures of the documentation, of the UI (needs chromium and a materialized mesh)
	@$(BIN)/python scripts/screenshots.py

bench: setup ## measure publication, concurrency and running the mesh, side by side (some minutes)
	$(environments) benchmarks
	@benchmarks/.venv/bin/python -m benchmarks

bench-scale: setup ## measure the mesh on servers next to the embedded one, and 10 domains next to 20
	@PYTHONPATH=platform_core/tests:tests $(BIN)/python -m benchmarks.scale

# Versions stay as they are locked unless they must change; UPGRADE=1 takes the newest. A universal lock
# serves every platform and Python from 3.11 on.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
  --no-annotate --no-strip-extras --no-emit-package platform-core --no-build-isolation-package platform-core \
  --system-certs $(if $(UPGRADE),--upgrade)

lock: ## write all locks anew from the pyproject files (UPGRADE=1: newest versions)
	$(environments) .
	$(LOCK) --group dev --output-file requirements.lock pyproject.toml
	@for folder in $(DOMAINS:%=domains/%); do \
	  set -- $(LOCK) --extra test --extra build --output-file $$folder/requirements.lock $$folder/pyproject.toml; \
	  echo "$$@"; "$$@" || exit 1; \
	done
	$(LOCK) --output-file benchmarks/requirements.lock benchmarks/pyproject.toml
	$(LOCK) --output-file docs/site/requirements.lock docs/site/pyproject.toml

clean: ## remove all that make made: environments, caches, and the state and lakes in .mesh
	rm -rf .venv domains/*/.venv benchmarks/.venv docs/site/.venv .mesh
	rm -rf .mypy_cache .ruff_cache .import_linter_cache .pytest_cache */.pytest_cache domains/*/.pytest_cache
	find platform_core domains dbt_projects tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +
