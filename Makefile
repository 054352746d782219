PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EDGEWISE := $(CURDIR)/$(BIN)/edgewise
SDK := sdk-js/node_modules
TOOLS := $(VENV)/tools
export CHROMIUM FIREFOX
CHROMIUMS := chromium chromium-browser google-chrome google-chrome-stable
FIREFOXES := firefox-esr firefox
HAS_CHROMIUM = (for browser in "$$CHROMIUM" $(CHROMIUMS); do command -v "$$browser" >/dev/null && exit; done; exit 1)
HAS_FIREFOX = (for browser in "$$FIREFOX" $(FIREFOXES); do command -v "$$browser" >/dev/null && exit; done; exit 1)

.DEFAULT_GOAL := help
.PHONY: help setup lint test coverage chaos quality hillstrom sdk test-sdk wild demo bench attack lock audit clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(VENV)/ready ## Install Edgewise and its development tools into .venv

# A bare Debian has no ensurepip. Installing python3-venv needs root.
$(VENV)/ready: pyproject.toml requirements/development.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
		{ echo "Edgewise needs CPython 3.11 or 3.12, as vowpal-wabbit-next has wheels for no other. Found $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || \
		{ echo "Installing python3-venv, which this Python lacks ..."; apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/development.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lint: setup ## Check format, style and types of the Python code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A test runs the README's commands, which use curl.
test: lint ## Run every check and the quick tests, for server and SDK
	@command -v curl >/dev/null || { echo "Installing curl ..."; apt-get update -qq && apt-get install -y -qq curl; }
	$(BIN)/pytest -q -n 3 -m "not quality and not chaos"
	@$(MAKE) --no-print-directory test-sdk

# Tests kill processes without warning, so a few lines show as uncovered although a test ran them.
coverage: setup ## Measure the Python tests' coverage and fail below the floor in pyproject.toml
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n 3 -m "not quality and not chaos"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# EDGEWISE_CHAOS_SEED repeats a run, EDGEWISE_CHAOS_ROUNDS lengthens it.
# The property-based tests run with ten times as many examples as in `make test`.
chaos: setup ## Kill processes at random under traffic, for longer than the tests do
	$(BIN)/pytest -q -m chaos
	$(BIN)/pytest -q -n 2 -m "hypothesis and not chaos" --hypothesis-profile many
	@EDGEWISE_TEST_MINUTES=30 EDGEWISE_CHAOS_ROUNDS=$${EDGEWISE_CHAOS_ROUNDS:-10} $(MAKE) --no-print-directory test-sdk TESTS=chaos.test.ts

# The data is in ../shared/data. Its source: docs/engineering/learning.md.
quality: $(VENV)/quality ## Measure how well policies decide, next to other methods, for half an hour
	$(BIN)/python -m tests.quality $(ARGS)

$(VENV)/quality: requirements/quality.txt $(VENV)/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/quality.txt
	@touch $@

hillstrom: setup ## Hold the default settings to what they earn on a real e-mail experiment, for minutes
	$(BIN)/pytest -q -m quality

# The scripts go to server/edgewise/sdk/, which is committed. The npm modules go to sdk-js/dist/.
sdk: $(SDK)/ready ## Build the browser SDK (needs Node 20 or newer)
	cd sdk-js && node build.mjs

# Chromium runs every browser test, Firefox the most important ones. TESTS selects files in sdk-js/test/browser/ and
# sdk-js/test/firefox/.
test-sdk: setup $(SDK)/ready ## Test the browser SDK in Node, Chromium and Firefox
	cd sdk-js && npm run --silent check && node_modules/.bin/tsc -p test && node test/run.mjs unit
	@$(HAS_CHROMIUM) || { echo "Installing chromium ..."; apt-get update -qq && apt-get install -y -qq chromium; } >&2 || true
	@$(HAS_CHROMIUM) || echo "SKIPPED: the tests in Chromium, which is missing. Install it (on Debian: apt-get install chromium), or give its path: make CHROMIUM=/path/to/it $(MAKECMDGOALS)"
	@! $(HAS_CHROMIUM) || (cd sdk-js && EDGEWISE=$(EDGEWISE) node test/run.mjs browser $(TESTS))
	@$(HAS_FIREFOX) || { echo "Installing firefox-esr ..."; apt-get update -qq && apt-get install -y -qq --no-install-recommends firefox-esr; } >&2 || true
	@$(HAS_FIREFOX) || echo "SKIPPED: the tests in Firefox, which is missing. Install it (on Debian: apt-get install firefox-esr), or give its path: make FIREFOX=/path/to/it $(MAKECMDGOALS)"
	@! $(HAS_FIREFOX) || (cd sdk-js && EDGEWISE=$(EDGEWISE) node test/run.mjs firefox $(TESTS))

# PAGE selects the pages with that word in their name.
wild: setup $(SDK)/ready ## Visit pages with other people's libraries in Chromium and Firefox, for minutes
	cd sdk-js && PAGE="$(PAGE)" EDGEWISE=$(EDGEWISE) EDGEWISE_TEST_MINUTES=8 node test/run.mjs wild

$(SDK)/ready: sdk-js/package-lock.json
	@command -v npm >/dev/null && node -e 'process.exit(+(parseInt(process.versions.node) < 20))' || \
		{ echo "The browser SDK needs Node 20 or newer with npm. Found node $$(node --version 2>&1), npm $$(npm --version 2>&1). Install them (https://nodejs.org) and run make again."; exit 1; }
	cd sdk-js && npm ci --no-fund --no-audit
	@touch $@

demo: setup ## Start the demo: a shop with simulated visitors
	$(BIN)/edgewise demo $(ARGS)

bench: setup ## Measure latency and throughput on this machine
	$(BIN)/python -m load_tests.bench

attack: setup $(TOOLS)/ready ## Attack a server as strangers would, and measure what others notice
	$(BIN)/python -m load_tests.attack $(ARGS)

lock: $(TOOLS)/ready ## Renew requirements/ to the newest versions that pyproject.toml allows
	@export UV_CUSTOM_COMPILE_COMMAND="make lock"; lock() { $(TOOLS)/bin/uv pip compile pyproject.toml --quiet --upgrade --group build \
		--universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate "$$@"; }; \
	lock --extra dev -o requirements/development.txt && lock -c requirements/development.txt -o requirements/service.txt && \
	lock --extra quality -c requirements/development.txt -o requirements/quality.txt

audit: $(TOOLS)/ready $(SDK)/ready ## Check the locked Python and npm packages for known vulnerabilities
	@$(TOOLS)/bin/python .ci/audit.py

$(TOOLS)/ready: Makefile | $(VENV)/ready
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check 'pip-audit~=2.10' 'schemathesis~=4.32' 'uv~=0.13'
	@touch $@

clean: ## Delete everything that the other targets installed or built
	rm -rf $(VENV) $(SDK) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* build dist sdk-js/dist
