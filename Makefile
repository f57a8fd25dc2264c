# Everything a newcomer needs, each target idempotent and quick the second time.
#
#   make demo       the whole product on real data, map at the URL it prints
#   make test       every test but the deep ones
#   make run        the box, data in ./hexpost-data

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
MAP := appliance/serve/map
DEBIAN_RUN := libsqlite3-mod-spatialite mosquitto
DEBIAN_TEST := gcc libc6-dev mosquitto-clients postgresql postgis postgresql-postgis chromium gdal-bin fonts-noto-core systemd
# Recorded payloads and data sets, where they lie beside the checkout: more real data for the tests that read any.
export HEXPOST_FIELDKIT ?= $(wildcard $(CURDIR)/../shared/fieldkit)
PYTEST := PATH="$(CURDIR)/$(BIN):$$PATH" $(PY) -m pytest
WORKERS ?= 2

.PHONY: help demo run test test-fast test-deep hunt lint types check-arm64 bench ui clean lock install

help:
	@sed -n 's/^#   //p' Makefile

demo: .make/run-packages .make/installed $(MAP)/index.html
	@$(BIN)/hexpost demo

run: .make/run-packages .make/installed $(MAP)/index.html
	@$(BIN)/hexpost run

install: .make/run-packages .make/installed $(MAP)/index.html

# ---------------------------------------------------------------- tests

test: lint types .make/test-packages .make/run-packages .make/dev-installed $(MAP)/index.html check-arm64
	cd ui && npm run --silent check && npm run --silent test
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not deep"

test-fast: .make/test-packages .make/run-packages .make/dev-installed
	HEXPOST_QUICK=1 HEXPOST_FIELDKIT= $(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not deep and not flow" -x

test-deep: .make/test-packages .make/run-packages .make/dev-installed $(MAP)/index.html
	HEXPOST_WHOLE=1 $(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "deep or (hypothesis and not flow)"

# Every property on examples of its own, not the ones that `test` repeats; what fails becomes an `@example`.
hunt: .make/run-packages .make/dev-installed
	HEXPOST_HUNT=1 $(PYTEST) -n $(WORKERS) -m "hypothesis and not flow"

lint: .make/dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .make/dev-installed
	$(BIN)/mypy

check-arm64: .make/arm64-checked

# Every locked dependency has a wheel for a Raspberry Pi. All three tags are needed: with one alone pip silently takes
# older releases, which the hashes then refuse.
.make/arm64-checked: requirements.lock | .make/installed
	@mkdir -p .make
	@for version in 3.11 3.13; do \
	  echo "arm64 wheels for Python $$version"; \
	  $(PY) -m pip install --quiet --dry-run --ignore-installed --no-deps --only-binary=:all: --require-hashes \
	    --platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
	    --python-version $$version --implementation cp --target .make/arm64 -r requirements.lock || exit 1; \
	done
	@touch $@

# Those that take hours, and what the others share, are not run by `make bench`.
BY_HAND := soak ledger broker growth

bench: .make/dev-installed .make/test-packages
	@for file in $(filter-out $(BY_HAND:%=benchmarks/%.py),$(wildcard benchmarks/[a-z]*.py)); do name=$$(basename $$file .py); echo "== $$name"; $(PY) -m benchmarks.$$name || exit 1; done

# ---------------------------------------------------------------- setting up

.make/python:
	@mkdir -p .make
	@for name in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	  if $$name -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	  then $$name -c 'import sys; print(sys.executable)' > $@; exit 0; fi; \
	done; \
	echo 'No Python 3.11 to 3.13 with venv was found. Type: sudo apt-get install python3 python3-venv' >&2; exit 1

$(PY): .make/python
	$$(cat .make/python) -m venv $(VENV)
	@touch $@

.make/installed: requirements.lock .ci/build.lock pyproject.toml $(PY)
	$(PIP) --require-hashes -r requirements.lock -r .ci/build.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@$(PY) -c 'from appliance.store.file import dbapi, sqlite; sqlite.load_spatialite(dbapi.connect(":memory:"))'
	@touch $@

.make/dev-installed: .make/installed tests/requirements.lock
	$(PIP) --require-hashes -r tests/requirements.lock
	@touch $@

.make/run-packages:
	@.ci/packages $(DEBIAN_RUN)
	@mkdir -p .make && touch $@

.make/test-packages:
	@.ci/packages $(DEBIAN_TEST)
	@mkdir -p .make && touch $@

ui: $(MAP)/index.html

UI_SOURCES := $(shell git ls-files ui 2>/dev/null)

$(MAP)/index.html: $(UI_SOURCES) .make/installed
	@command -v npm >/dev/null && node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' || \
	  { echo 'Building the map needs Node.js 20 or newer. Type: sudo apt-get install nodejs npm' >&2; exit 1; }
	cd ui && npm ci --silent --no-fund --no-audit && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent build
	@touch $@

# Writes the lock files anew; the only target that needs uv.
lock: .make/python
	test -x .make/lock/bin/uv || { $$(cat .make/python) -m venv .make/lock && .make/lock/bin/python -m pip install --quiet uv; }
	$(UV) pyproject.toml --output-file requirements.lock
	$(UV) pyproject.toml --extra build --constraint requirements.lock --output-file .ci/build.lock
	$(UV) pyproject.toml --extra dev --constraint requirements.lock --output-file tests/requirements.lock

UV := .make/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate

clean:
	rm -rf $(VENV) .make $(MAP) ui/node_modules .mypy_cache .ruff_cache .pytest_cache
