PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EDGEWISE := $(CURDIR)/$(BIN)/edgewise
SDK := sdk-js/node_modules
export CHROMIUM FIREFOX
CHROMIUMS := chromium chromium-browser google-chrome google-chrome-stable
FIREFOXES := firefox-esr firefox
HAS_CHROMIUM = (for one in "$$CHROMIUM" $(CHROMIUMS); do command -v "$$one" >/dev/null && exit; done; exit 1)
HAS_FIREFOX = (for one in "$$FIREFOX" $(FIREFOXES); do command -v "$$one" >/dev/null && exit; done; exit 1)

.PHONY: setup test test-sdk lint demo bench chaos quality sdk clean

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
	@$(MAKE) --no-print-directory test-sdk

# Kills at random instants, again and again; EDGEWISE_CHAOS_SEED repeats a run, EDGEWISE_CHAOS_ROUNDS lengthens it.
# Then the laws, on ten times as many examples as `make test` has.
chaos: setup
	$(BIN)/pytest -q -m chaos
	$(BIN)/pytest -q -n 2 -m "hypothesis and not chaos" --hypothesis-profile many
	@EDGEWISE_TEST_MINUTES=30 EDGEWISE_CHAOS_ROUNDS=$${EDGEWISE_CHAOS_ROUNDS:-10} $(MAKE) --no-print-directory test-sdk TESTS=chaos.test.ts

# Minutes of learning on real data, which lies in ../shared/data (docs/learning.md says where it is from).
quality: setup
	$(BIN)/pytest -q -m quality

# The browser SDK: into server/edgewise/sdk/, which is committed, and into sdk-js/dist/ for npm. Needs Node 20 or newer.
sdk: $(SDK)/ready
	cd sdk-js && node build.mjs

# It is tested in browsers that are driven: at length in Chromium, the main things in Firefox, too. TESTS names some of the
# files in sdk-js/test/browser/ and sdk-js/test/firefox/.
test-sdk: setup $(SDK)/ready
	cd sdk-js && node_modules/.bin/tsc --noEmit && node_modules/.bin/tsc -p test && node test/run.mjs unit
	@$(HAS_CHROMIUM) || { echo "Installing chromium ..."; apt-get update -qq && apt-get install -y -qq chromium; } >&2 || true
	@$(HAS_CHROMIUM) || echo "SKIPPED: the tests in a browser, as there is none. Install chromium (on Debian: apt-get install chromium), or name one: make CHROMIUM=/path/to/it $(MAKECMDGOALS)"
	@! $(HAS_CHROMIUM) || (cd sdk-js && EDGEWISE=$(EDGEWISE) node test/run.mjs browser $(TESTS))
	@$(HAS_FIREFOX) || { echo "Installing firefox-esr ..."; apt-get update -qq && apt-get install -y -qq --no-install-recommends firefox-esr; } >&2 || true
	@$(HAS_FIREFOX) || echo "SKIPPED: the tests in Firefox, as there is none. Install it (on Debian: apt-get install firefox-esr), or name one: make FIREFOX=/path/to/it $(MAKECMDGOALS)"
	@! $(HAS_FIREFOX) || (cd sdk-js && EDGEWISE=$(EDGEWISE) node test/run.mjs firefox $(TESTS))

$(SDK)/ready: sdk-js/package-lock.json
	@command -v npm >/dev/null && node -e 'process.exit(+(parseInt(process.versions.node) < 20))' || \
		{ echo "The browser SDK is built and tested with Node 20 or newer and its npm; found $$(node --version 2>&1), npm $$(npm --version 2>&1). Install them (https://nodejs.org), then do this again."; exit 1; }
	cd sdk-js && npm ci --no-fund --no-audit
	@touch $@

demo: setup
	$(BIN)/edgewise demo $(ARGS)

bench: setup
	$(BIN)/python -m load_tests.bench

clean:
	rm -rf $(VENV) $(SDK) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
