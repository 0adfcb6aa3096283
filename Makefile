# Two commands: make demo, make test. Both make .venv first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
EMBEDDED := -b synthetic-it -b synthetic-it-new-objects -b synthetic-it-noisy
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist worksteal

.PHONY: demo test fast lint style perf lowest newest mutation clean

demo: $(READY)  ## score pixels and a small network, trained and not, on what is embedded, and print the leaderboard
	$(BIN)/itbench score -m pixels -m itbench-tiny $(EMBEDDED)
	$(BIN)/itbench score -m itbench-tiny --weights random $(EMBEDDED)
	$(BIN)/itbench leaderboard $(EMBEDDED) --output leaderboard/README.md
	@cat leaderboard/README.md

test fast: export PYTHONDONTWRITEBYTECODE =

test: $(READY) style  ## style, types and all tests, the slow ones too
	$(BIN)/mypy & types=$$!; $(PYTEST) && wait $$types

fast: $(READY)  ## the quick tests, five of six
	$(PYTEST) -m "not slow"

lint: $(READY) style
	$(BIN)/mypy

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

perf: $(READY)  ## speed and memory beside others, as ratios in one run
	$(BIN)/python -m perf.run
	$(BIN)/python -m perf.full
	$(BIN)/python -m perf.protocol
	$(BIN)/python -m perf.statistics
	$(BIN)/python -m perf.training

lowest newest: $(READY)  ## the demo and quick tests with the lowest, or the newest, versions admitted
	$(BIN)/python -m tools.version_bounds $@

mutation: $(READY)  ## changes of the code that makes numbers, tried against its tests
	$(BIN)/python -m tools.mutation

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "itbench needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(READY)

clean:
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache
