# The two commands that matter: `make demo` and `make test`. `make setup` is what the others call first.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEMO := data/index

.PHONY: setup demo test browser check serve bench bench-speed fuzz pictures clean

setup: $(STAMP)

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location -c constraints.txt
LOG := .venv/install.log

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Footnote needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || { echo "Making .venv …"; $(PYTHON) -m venv .venv; }
	@echo "Installing torch (once; a few minutes) …"
	@$(PIP) torch 2>$(LOG) || { cat $(LOG); exit 1; }
	@echo "Installing Footnote and the libraries it uses (once; a minute) …"
	@$(PIP) -e ".[dev]" 2>$(LOG) || { cat $(LOG); exit 1; }
	@$(BIN)/python -m compileall -q indexer service
	@touch $(STAMP)

demo: setup
	@FOOTNOTE_LIBRARY=$(DEMO) $(BIN)/footnote index data/notes
	@echo
	@FOOTNOTE_LIBRARY=$(DEMO) $(BIN)/footnote questions

test: setup browser
	@$(BIN)/python -m pytest -n auto --dist loadfile

# The browser tests want a Chromium: Debian's and Ubuntu's own. The one without a window takes a third less time.
browser:
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || \
	command -v chromium-browser >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && { \
			echo "Installing chromium for the browser tests …"; \
			export DEBIAN_FRONTEND=noninteractive; apt-get update -qq >/dev/null; \
			apt-get install -y -qq chromium-headless-shell >/dev/null 2>&1 || apt-get install -y -qq chromium >/dev/null; \
		}; } || echo "No chromium here, so the browser tests will be skipped: apt-get install chromium"

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory test

serve: setup
	@test -e $(DEMO)/catalogue.db || FOOTNOTE_LIBRARY=$(DEMO) $(BIN)/footnote index data/notes --no-papers
	@FOOTNOTE_LIBRARY=$(DEMO) $(BIN)/footnote serve

bench: setup
	@$(BIN)/python -m tests.bench.run

bench-speed: setup
	@$(BIN)/python -m tests.bench.speed

MINUTES ?= 60

# An hour for all targets together; it needs Linux.
fuzz: setup
	@$(PIP) -e ".[fuzz]"
	@$(BIN)/python -m tests.fuzz --seconds $$(($(MINUTES) * 60 / 17))

pictures: setup
	@$(BIN)/python -m tests.bench.pictures

clean:
	@rm -rf .venv $(DEMO) build *.egg-info
