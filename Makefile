# `make` lists the verbs. Everything runs in .venv, which each verb sets up if it is not there.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

# plain asserts need no rewriting of the tests; what fails runs again and shows its values
define pytest
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet -m $(1) --numprocesses auto --dist worksteal --assert=plain \
		|| { OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet -m $(1) --last-failed; exit 1; }
endef

.PHONY: help setup demo test slow check bench docs clean

help: ## list the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "realmix needs Python 3.11 or later: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $(READY)

setup: $(READY) ## install realmix and its tools into .venv

demo: $(READY) ## fit digits from 40 labels and a pool, in a minute or two, and write a report
	$(BIN)/realmix fit digits@40 --out runs/demo

test: $(READY) ## run the tests but the slow ones, in some six minutes on two cores
	$(call pytest,"not slow")

slow: $(READY) ## run the slow tests: whole runs and trainings, page by page of docs, processes killed
	$(call pytest,slow)

check: $(READY) ## lint, format, types, import direction
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet tests/test_architecture.py

bench: $(READY) ## reproduce benchmarks/records (hours; goes on where it stopped)
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.extraction
	$(BIN)/python -m benchmarks.accuracy digits
	$(BIN)/python -m benchmarks.accuracy cifar10
	$(BIN)/python -m benchmarks.accuracy cifar10_longer
	$(BIN)/python -m benchmarks.tables
	$(BIN)/python -m benchmarks.rows
	$(BIN)/python -m benchmarks.columns
	$(BIN)/python -m benchmarks.ladder
	$(BIN)/python -m benchmarks.taught
	$(BIN)/python -m benchmarks.label_noise
	$(BIN)/python -m benchmarks.claims
	$(BIN)/python -m benchmarks.choices
	$(BIN)/python -m benchmarks.pretraining
	$(BIN)/python -m benchmarks.transfer
	$(BIN)/python -m benchmarks.mismatch
	$(BIN)/python -m benchmarks.gate
	$(BIN)/python -m benchmarks.selection
	$(BIN)/python -m benchmarks.simulated
	$(BIN)/python -m benchmarks.decide
	$(BIN)/python -m benchmarks.early
	$(BIN)/python -m benchmarks.coverage
	$(BIN)/python -m benchmarks.statistics
	$(BIN)/python -m benchmarks.audit
	$(BIN)/python -m benchmarks.doubted
	$(BIN)/python -m benchmarks.copies
	$(BIN)/python -m benchmarks.augment_guard
	$(BIN)/python -m benchmarks.sent_augment
	$(BIN)/python -m benchmarks.graph

docs: $(READY) ## run every code block of README and docs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet tests/test_docs.py

clean: ## remove what the verbs made, but not runs/
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
