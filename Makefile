PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup test lint demo bench chaos quality sdk clean

setup: $(VENV)/ready

# A bare Debian has no ensurepip: the venv package is installed where that can be done.
$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
		{ echo "Edgewise needs CPython 3.11 or 3.12 (vowpal-wabbit-next has wheels for no other); found $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || \
		{ echo "Installing python3-venv, which this Python lacks ..."; apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The README's commands are run as they stand there, and they ask by curl.
test: lint
	@command -v curl >/dev/null || { echo "Installing curl ..."; apt-get update -qq && apt-get install -y -qq curl; }
	$(BIN)/pytest -q -n 2 -m "not quality and not chaos"

# Kills at random instants, again and again; EDGEWISE_CHAOS_SEED repeats a run, EDGEWISE_CHAOS_ROUNDS lengthens it.
# Then the laws, on ten times as many examples as `make test` has.
chaos: setup
	$(BIN)/pytest -q -m chaos
	$(BIN)/pytest -q -n 2 -m "hypothesis and not chaos" --hypothesis-profile many

# Minutes of learning on real data, which lies in ../shared/data (docs/learning.md says where it is from).
quality: setup
	$(BIN)/pytest -q -m quality

# The browser SDK: into server/edgewise/sdk/, which is committed, and into sdk-js/dist/ for npm. Needs Node 20 or newer.
sdk:
	cd sdk-js && npm ci --no-fund --no-audit && node build.mjs

demo: setup
	$(BIN)/edgewise demo $(ARGS)

bench: setup
	$(BIN)/python -m load_tests.bench

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
