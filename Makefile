PYTHON ?= python3
PORT ?= 8000
TORCH_INDEX ?=
ONCE ?=
BIN = .venv/bin
# Containers often set this; then each process of the tests would compile every module again.
export PYTHONDONTWRITEBYTECODE =

# What there is
help:
	@awk '/^# /{text=substr($$0,3)} /^[a-z-]+:/{sub(":.*","",$$1); if(text) printf "%-12s %s\n",$$1,text; text=""}' Makefile

# The environment in .venv
venv:
	@PYTHON="$(PYTHON)" TORCH_INDEX="$(TORCH_INDEX)" tools/setup.sh

# Start the service, train on letters, classify one (ONCE=1 stops at the end)
demo: venv
	@$(BIN)/python -m tools.demo --port $(PORT) $(if $(ONCE),--once)

# The linters and every test but the long ones
test: lint
	$(BIN)/pytest -n 2 --dist worksteal --durations=40 -m "not long"

# The tests that take minutes
test-long: venv
	$(BIN)/pytest -n 2 --dist worksteal --durations=40 -m long

# The tests of learning under other instruction sets and thread counts, 20 seeds each (an hour)
test-machines: venv
	$(BIN)/python -m tools.machines

# 200 runs, half on each database, each with one to five kills at random moments
chaos: venv
	CHAOS_RUNS=100 $(BIN)/pytest -n 2 tests/chaos/test_kills.py -k loses_no_step

# What the presets reach, over three seeds where the long tests take one
results: venv
	RESULT_SEEDS=3 $(BIN)/pytest -n 2 tests/test_results.py

# The figures in the documents, from runs made now (some minutes)
docs-figures: venv
	$(BIN)/python -m tools.docs_figures

# Format, lint, types, imports
lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Renew the locks: requirements.lock is what the service runs on, a part of requirements-dev.lock
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade \
	--overrides tools/lock-without-torch.txt pyproject.toml
lock: venv
	$(COMPILE) --extra dev -o requirements-dev.lock
	$(COMPILE) --constraints requirements-dev.lock -o requirements.lock

.PHONY: help venv demo test test-long test-machines chaos results docs-figures lint lock
