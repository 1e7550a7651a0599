# `make setup` chooses Python and versions by itself; STACK=A, STACK=B or PYTHON=/path/to/python overrule it.
BOOT ?= python3
STACK ?=
PYTHON ?=
BIN := .venv/bin
# A process a core, each taking whole files of tests: what a file sets up, it sets up once.
PARALLEL ?= --numprocesses auto --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup test test-fast lint format lock demo doctor clean

help:  ## Say what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup:  ## Make .venv from nothing, or find it ready
	@$(BOOT) -m tools.setup_environment --stack "$(STACK)" --python "$(PYTHON)"

test: lint  ## Set up, lint, and run all tests
	$(BIN)/python -m pytest $(PARALLEL)

# tests/tfx_pipeline apart: that TFX is imported takes 20 seconds of each process.
test-fast: setup  ## Set up and run the tests that take seconds, less those of tfx_pipeline
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow" --ignore tests/tfx_pipeline

lint: setup  ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup  ## Mend style and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup  ## Resolve setup.py's requirements anew into requirements/
	@$(BOOT) -m tools.setup_environment lock

demo: setup  ## Train on the built-in synthetic world: model, metrics and report in runs/demo
	test -e runs/demo/data || $(BIN)/tfgrec-simulate --output runs/demo/data
	$(BIN)/tfgrec-train --config configs/demo.yaml --data runs/demo/data --run-dir runs/demo

doctor: setup  ## Tell what this machine and .venv hold, and what to mend
	$(BIN)/tfgrec-doctor

clean:  ## Remove .venv, caches and build products; keep runs/
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
