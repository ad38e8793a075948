# `make` lists the targets. Each one sets up what it needs in its own virtual environment; a second run takes seconds.
.DEFAULT_GOAL := help
.PHONY: help book serve test test-package matrix bench record wheel zip links chapter clean

VENV ?= .venv
PYTHON := $(VENV)/bin/python
BOOK_READY := $(VENV)/.book-installed
TEST_READY := $(VENV)/.test-installed

# Without compiling every file of every package first: Python compiles what is imported, when it is.
INSTALL := $(PYTHON) -m pip install --no-compile --progress-bar off

# What takes long says on one line what it is doing; its output is shown only if it fails.
SAY := $(PYTHON) lightnets_edu/progress.py

# Deno asks nobody for a newer version, and what it keeps lies below _build.
DENO := env DENO_NO_UPDATE_CHECK=1 DENO_DIR=_build/deno $(VENV)/bin/deno

# The first Python that is new enough.
FIND_PYTHON := for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	if command -v $$python >/dev/null && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; \
	then echo $$python; break; fi; done

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

book: $(BOOK_READY) ## Execute the chapters that changed, build the pages, print where they are
	@$(PYTHON) -m lightnets_edu.pages.site.build

serve: book ## Build the book and open it on localhost
	@$(PYTHON) -m lightnets_edu.pages.site.serve

# The book is built while the tests that need no book run.
test: $(TEST_READY) ## Check style, types and generated files, build the book, run all tests, the browser's included
	@$(SAY) "Checking style" $(PYTHON) -m ruff check .
	@$(SAY) "Checking format" $(PYTHON) -m ruff format --check .
	@$(SAY) "Checking types" $(PYTHON) -m mypy
	@$(SAY) "Checking the style of scripts" $(DENO) lint
	@$(SAY) "Checking the format of scripts" $(DENO) fmt --check
	@$(SAY) "Checking the types of scripts" $(DENO) check lightnets_edu
	@$(SAY) "Checking generated notebooks" $(PYTHON) -m lightnets_edu.pages.site.build --check
	@LIGHTNETS_PROGRESS=lines $(MAKE) --no-print-directory --jobs 2 book test-package
	@echo "Testing the book in a browser"
	@$(PYTHON) -m pytest tests/book --numprocesses logical --maxprocesses 4 --dist worksteal

test-package: $(TEST_READY)
	@echo "Testing the package"
	@$(PYTHON) -m pytest --ignore tests/book --numprocesses logical --maxprocesses 2 --dist loadfile

matrix: $(TEST_READY) ## Both commands with each Python, lowest versions, like Colab: hours; PYTHONS="3.12" for some
	PYTHONS="$(PYTHONS)" $(PYTHON) -m pytest tests/matrix

bench: $(TEST_READY) book ## Compare speed with other libraries, sliders with a frame (benchmarks/)
	@for script in benchmarks/*.py; do $(PYTHON) "$$script" || exit 1; done

record: $(BOOK_READY) ## Train and time every network; ARGS="--only ghostnet --budget-minutes 9"
	$(PYTHON) -m lightnets_edu record $(ARGS)

wheel: $(PYTHON) ## Build the package: dist/lightnets_edu-*.whl
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist .
	@rm -rf build  # else the next wheel would hold files that are gone
	@ls dist/*.whl

zip: book ## Pack the built book, to be read from any disk: dist/lightnets-book.zip
	@$(PYTHON) -c "import shutil; print(shutil.make_archive('dist/lightnets-book', 'zip', '_build', 'html'))"

links: $(BOOK_READY) ## Ask for every external link (needs a network); links between pages are checked by make book
	$(VENV)/bin/jupyter-book build --builder linkcheck .

chapter: $(PYTHON) ## Begin a chapter: NAME=17_my_paper (see CONTRIBUTING.md)
	@PYTHONPATH=. $(PYTHON) -m lightnets_edu.template $(NAME)

clean: ## Delete the built pages and the execution cache (the virtual environment stays)
	rm -rf _build

$(PYTHON):
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then echo "This needs Python 3.11 or newer, and found none." >&2; exit 1; fi; \
	$$python -m venv $(VENV)

$(BOOK_READY): pyproject.toml setup.py requirements.txt | $(PYTHON)
	@$(SAY) "Installing what the book needs, some minutes the first time" $(INSTALL) -r requirements.txt
	@touch $@

$(TEST_READY): $(BOOK_READY)
	@$(SAY) "Installing what the tests need" $(INSTALL) -e ".[test]"
	@$(SAY) "Looking for a browser" $(PYTHON) tests/browsers.py
	@touch $@
