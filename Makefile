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

# Other people's tools, for the tests of generated clients and of requests at random (needs npm)
clients:
	@PYTHON="$(PYTHON)" tests/clients/setup.sh

# Other servers of networks, for `python -m bench predict`
rivals:
	@PYTHON="$(PYTHON)" TORCH_INDEX="$(TORCH_INDEX)" bench/rivals/setup.sh

# 100,000 requests at random against a service on this machine (an hour)
fuzz: venv clients
	FUZZ_CASES=100000 $(BIN)/pytest tests/fuzz -k very_many

# 200 runs, half on each database, each with one to five kills at random moments
chaos: venv
	CHAOS_RUNS=100 $(BIN)/pytest -n 2 tests/chaos/test_kills.py -k loses_no_step

# What the presets reach, over three seeds where the long tests take one
results: venv
	RESULT_SEEDS=3 $(BIN)/pytest -n 2 tests/test_results.py

# The figures in the documents, from runs made now (some minutes)
docs-figures: venv
	$(BIN)/python -m tools.docs_figures

# Pictures of every page, in both themes and as a phone shows them (needs Chromium; some minutes)
screenshots: venv
	$(BIN)/python -m tools.screenshots

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

.PHONY: help venv demo test test-long test-machines clients fuzz chaos results rivals docs-figures screenshots lint lock
