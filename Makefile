# `make setup` chooses Python and versions by itself; STACK=A, STACK=B or PYTHON=/path/to/python overrule it.
BOOT ?= python3
STACK ?=
PYTHON ?=
BIN := .venv/bin
KILLS ?= 1000
# A process a core, each taking whole files of tests: what a file sets up, it sets up once. In the order of their names,
# since xdist's own order leaves files of few long tests to the end, where one process waits for the other.
PARALLEL ?= --numprocesses auto --dist loadfile --no-loadscope-reorder
# How many tables `make fuzz` tries, and with which seed it begins.
TABLES ?= 10000
SEED ?= 1000

.DEFAULT_GOAL := help
.PHONY: help setup test test-fast kills fuzz lint format lock demo docs doctor clean

help:  ## Say what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup:  ## Make .venv from nothing, or find it ready
	@$(BOOT) -m tools.setup_environment --stack "$(STACK)" --python "$(PYTHON)"

test: lint  ## Set up, lint, and run all tests
	$(BIN)/python -m pytest $(PARALLEL)

# tests/tfx_pipeline apart: that TFX is imported takes ten seconds of each process.
test-fast: setup  ## Set up and run the tests that take seconds, less those of tfx_pipeline
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow" --ignore tests/tfx_pipeline

kills: setup  ## Kill tfgrec-train on tiny data, KILLS times, and compare its runs with one left alone
	nice $(BIN)/python -u tests/kills/killed_runs.py --kills $(KILLS) --folder "$$(mktemp -d)"

fuzz: setup  ## Try TABLES=10000 odd tables in whole inputs against a plain count, from SEED=1000 on
	$(BIN)/python -W ignore tests/fuzz/run_long.py --tables $(TABLES) --seed $(SEED)

lint: setup  ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup  ## Mend style and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup  ## Resolve setup.py's requirements anew into requirements/
	@$(BOOT) -m tools.setup_environment lock

demo: setup  ## Train on the built-in synthetic world: model, metrics and report in runs/demo
	test -e runs/demo_data || $(BIN)/tfgrec-simulate --output runs/demo_data
	$(BIN)/tfgrec-train --config configs/demo.yaml --data runs/demo_data --run-dir runs/demo
	@echo "Serve it, and ask it in another window:"
	@$(BIN)/tfgrec-serve --run-dir runs/demo --print-request

docs: setup  ## Build the documentation's site into site/
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet

doctor: setup  ## Tell what this machine and .venv hold, and what to mend
	$(BIN)/tfgrec-doctor

clean:  ## Remove .venv, caches and build products; keep runs/
	rm -rf .venv build dist site *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
