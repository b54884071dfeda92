# The two commands that matter: `make demo` and `make test`. `make setup` is what the others call first.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEMO := data/index

.PHONY: setup demo test browser check attacks chaos chaos-service fuzz serve bench bench-speed pictures lock audit clean

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

# What is compiled is kept, whatever the shell says: else each process of the tests compiles all of it, every time.
test: setup browser
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n auto --dist loadfile

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

# What `make test` tries a part of: every way to a file outside, every script in every place, every moment of an upgrade.
attacks: setup browser
	@FOOTNOTE_ATTACKS=all $(BIN)/python -m pytest -s tests/test_paths.py tests/test_scripts.py tests/test_upgrade.py

serve: setup
	@test -e $(DEMO)/catalogue.db || FOOTNOTE_LIBRARY=$(DEMO) $(BIN)/footnote index data/notes --no-papers
	@FOOTNOTE_LIBRARY=$(DEMO) $(BIN)/footnote serve

# A service under change, asked for too much, by slow clients, and for all kinds of things: some ten minutes.
chaos-service: setup
	@$(BIN)/python -m tests.chaos.clients --clients 64 --seconds 300
	@$(BIN)/python -m tests.chaos.strangers
	@$(BIN)/python -m tests.chaos.interface --examples 400

bench: setup
	@$(BIN)/python -m tests.bench.run

bench-speed: setup
	@$(BIN)/python -m tests.bench.speed

# Crashes, full disks and flipped bits, a thousand rounds of them; make chaos CHAOS="--rounds 100 --seed 1" for others.
chaos: setup
	@$(BIN)/python -m tests.chaos $(CHAOS)

MINUTES ?= 60

# An hour for all targets together; it needs Linux.
fuzz: setup
	@$(PIP) -e ".[fuzz]"
	@$(BIN)/python -m tests.fuzz --seconds $$(($(MINUTES) * 60 / 17))

pictures: setup
	@$(BIN)/python -m tests.bench.pictures

# Tools that look at the packages, apart from them.
TOOLS := .venv/tools
$(TOOLS)/bin/uv:
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 pip-audit==2.10.1

# What torch brings along where it is built for GPUs; it comes by its own version, from the index that is wanted.
GPU := torch triton $(addprefix cuda-,bindings pathfinder toolkit) $(addprefix nvidia-,cublas cuda-cupti cuda-nvrtc \
	cuda-runtime cudnn-cu13 cufft cufile curand cusolver cusparse cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)

# The packages of the container with their checksums, at the versions of the constraints.
lock: $(TOOLS)/bin/uv
	@printf 'hatchling\nsetuptools\n' | $(TOOLS)/bin/uv pip compile pyproject.toml - -c constraints.txt --quiet \
		--generate-hashes --no-header --no-annotate --python-version 3.12 --python-platform x86_64-manylinux_2_28 \
		$(addprefix --no-emit-package ,$(GPU)) -o requirements.lock

# Known vulnerabilities of what is locked and pinned, as the package index knows them; it has to know each package.
audit: $(TOOLS)/bin/uv
	@$(TOOLS)/bin/pip-audit --strict --disable-pip --no-deps --vulnerability-service pypi -r constraints.txt
	@$(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes --vulnerability-service pypi -r requirements.lock

clean:
	@rm -rf .venv $(DEMO) build *.egg-info
