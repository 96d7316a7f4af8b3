# Permille: what can be made. `make help` lists it.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
WORKSPACE ?= workspace
SITE   ?= $(WORKSPACE)/site

.DEFAULT_GOAL := help
.PHONY: help install demo dev test lint types suite test-duckdb2 bench bench-estimates bench-trends bench-seasons bench-pages fuzz chaos mutants calibration calibration-changes calibration-events calibration-credibility lock translations golden bundle clean bench-daily

help: ## show this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp is newer than the lock exactly when what is installed is what is locked.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Permille needs Python 3.11 or newer: install it, or name yours with 'make PYTHON=python3.12 ...'"; exit 1; }
	@echo "Installing into $(VENV) (once; needs the network or a local package index) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check --progress-bar on --quiet -r requirements.lock
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $(STAMP)

install: $(STAMP) ## install everything from the lock into .venv

demo: $(STAMP) ## a simulated city, from laboratory files to a published page
	@mkdir -p .dagster
	@DAGSTER_HOME="$(CURDIR)" $(BIN)/permille demo --workspace "$(WORKSPACE)"

dev: $(STAMP) ## the Dagster UI on http://127.0.0.1:3000
	@mkdir -p .dagster
	@DAGSTER_DISABLE_TELEMETRY=1 DAGSTER_HOME="$(CURDIR)" PERMILLE_WORKSPACE="$(abspath $(WORKSPACE))" PATH="$(abspath $(BIN)):$$PATH" \
		$(BIN)/dagster dev --host 127.0.0.1 --port 3000

test: lint types suite ## lint, types and the whole suite

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

suite: $(STAMP)
	@$(BIN)/pytest

test-duckdb2: $(STAMP) ## the suite on duckdb 2.0.0, in an environment of its own
	@test -x .venv-duckdb2/bin/pytest || { \
		$(PYTHON) -m venv .venv-duckdb2 && \
		.venv-duckdb2/bin/pip install --disable-pip-version-check --quiet -r requirements.lock && \
		.venv-duckdb2/bin/pip install --disable-pip-version-check --quiet --no-deps duckdb==2.0.0 && \
		.venv-duckdb2/bin/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e . ; }
	@.venv-duckdb2/bin/python -c "import duckdb; print('duckdb', duckdb.__version__)"
	@.venv-duckdb2/bin/pytest

bench: $(STAMP) ## how long reading and fits below limits take, as ratios to polars and scipy, each in one run
	@PYTHONPATH="$(CURDIR)" $(BIN)/python benchmarks/intake.py
	@PYTHONPATH="$(CURDIR)" $(BIN)/python benchmarks/censoring.py

bench-estimates: $(STAMP) ## loads and consumption of 20 million results, as a ratio to a bare copy of them
	@PYTHONPATH="$(CURDIR)" $(BIN)/python benchmarks/estimates.py

bench-trends: $(STAMP) ## trends of many series beside pymannkendall, equal results asserted (two minutes)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python -W ignore benchmarks/trends.py

bench-seasons: $(STAMP) ## how often seasonal tests call a trend what is none (some minutes)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python benchmarks/seasons.py

bench-pages: $(STAMP) ## how long the pages of a network take, how large they are, how soon they are drawn (some minutes)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python benchmarks/pages.py

bench-daily: $(STAMP) ## CPU time and memory of each stage of a run on one million daily results, pages included (ten minutes)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python benchmarks/daily.py

fuzz: $(STAMP) ## 20,000 deliveries that something has happened to (about 20 minutes)
	@RUST_BACKTRACE=0 PYTHONPATH="$(CURDIR)" $(BIN)/python tests/fuzzing.py

chaos: $(STAMP) ## runs that are stopped, continued and killed, and a daemon that is (about an hour; Linux)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python tests/chaos.py

mutants: $(STAMP) ## does a test fail when one sign, number or exponent of the statistics is wrong? For docs/mutants.md (eight minutes)
	@test -x .venv-mutants/bin/mutmut || { \
		$(PYTHON) -m venv .venv-mutants && \
		.venv-mutants/bin/pip install --disable-pip-version-check --quiet -r requirements.lock && \
		.venv-mutants/bin/pip install --disable-pip-version-check --quiet mutmut==3.8.1 && \
		.venv-mutants/bin/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e . ; }
	@rm -rf mutants
	@PYTHONPATH="$(CURDIR)" .venv-mutants/bin/python -m tests.mutants

calibration: $(STAMP) ## do the intervals cover? 2,000 simulated cities a scenario, for docs/calibration.md (about an hour)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python benchmarks/calibration.py

calibration-changes: $(STAMP) ## the same of changes: 2,000 simulated cities a scenario (several hours)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python benchmarks/changes.py

calibration-events: $(STAMP) ## are effects of events found, and none where there is none? 1,000 simulated networks a scenario (hours)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python benchmarks/events.py

calibration-credibility: $(STAMP) ## do the tests of other explanations find what was planted, and nothing else? 200 simulated cities each (some minutes)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python benchmarks/credibility.py

translations: $(STAMP) ## write into dashboards/translations what the code says and no translation has yet
	@PYTHONPATH="$(CURDIR)" $(BIN)/python -m dashboards.catalogues

bundle: $(STAMP) ## a third of the drawing library, for the pages in SITE and runs to come (needs npm and its registry)
	@command -v npm >/dev/null || { echo "make bundle needs npm; without it the pages use the whole drawing library, which is installed"; exit 1; }
	@mkdir -p .bundle
	@package=$$(PYTHONPATH="$(CURDIR)" $(BIN)/python -m dashboards.drawing_library --package) && \
		{ npm pack --loglevel=error --ignore-scripts --pack-destination .bundle "$$package" >/dev/null || \
		{ echo "make bundle: npm could not fetch $$package: is its registry within reach?"; exit 1; }; }
	@PYTHONPATH="$(CURDIR)" $(BIN)/python -m dashboards.drawing_library .bundle "$(SITE)"

lock: $(STAMP) ## compile requirements.lock anew from pyproject.toml (hashes, no addresses)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-strip-extras --all-extras --constraint constraints.txt pyproject.toml -o requirements.lock

golden: $(STAMP) ## write the golden files anew; read the diff before you commit it
	@PERMILLE_WRITE_GOLDEN=1 $(BIN)/pytest -n 0 tests -k golden

clean: ## remove what was installed and built (not the workspace)
	rm -rf $(VENV) .bundle .venv-duckdb2 .venv-mutants mutants .dagster .logs_queue logs dist .mypy_cache .ruff_cache .pytest_cache
