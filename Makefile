# Two commands for a first look: `make run` and `make test`. Both set up what they need by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run dev test soak lint types check clean

run: $(VENV)/.ready  ## one day against the sandbox, from job boards to stored scores
	@$(BIN)/scoring-pipeline run --sandbox

dev: $(VENV)/.ready  ## the Dagster UI with daemon and sensor, on the same sandbox
	@$(BIN)/scoring-pipeline dev

test: $(VENV)/.ready-dev  ## the tests
	@$(BIN)/python -m pytest -q -m "not soak"

soak: $(VENV)/.ready-dev  ## the long ones: death at every write and call, real kills
	@$(BIN)/python -m pytest -q -m soak

lint: $(VENV)/.ready-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.ready-dev
	@$(BIN)/mypy

check: $(VENV)/.ready-dev  ## whether Dagster can load the definitions
	@mkdir -p .scoring/check && cp dagster.yaml .scoring/check/
	@DAGSTER_HOME="$(CURDIR)/.scoring/check" $(BIN)/dg check defs

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "setting up $(VENV) (once, about a minute)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

clean:  ## everything that was set up or stored here
	rm -rf $(VENV) .scoring
