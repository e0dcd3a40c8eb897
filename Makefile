# Every target first sets up .venv; it does so again when a requirements file changes.
# Paths are relative and .venv/bin/python is always called by name, so any folder will do.

SHELL := /bin/bash
PORT ?= 8501
PYTHON ?=
# A stamp is written when everything before it worked: an interrupted set-up starts over.
RUN_STAMP := .venv/.stamp-run
TEST_STAMP := .venv/.stamp-test
OLDEST_STAMP := .venv-oldest/.stamp
PIP_INSTALL := -m pip --disable-pip-version-check --quiet install
PIP := .venv/bin/python $(PIP_INSTALL)
# Our own modules, as pip does with the others: workers write no bytecode, and would compile them at each start.
COMPILE := .venv/bin/python -m compileall -q app.py explainer pages
# What meets JAX, under the oldest one that requirements.txt allows; `make test` has the newest. Left out are
# the pages and pictures, pure code, and random programs that call vmap inside: slow, and their forms are here.
OLDEST := $(shell sed -n 's/^jax>=\([0-9.]*\),.*/\1/p' requirements.txt)
OLDEST_TESTS := tests/analysis tests/facts tests/test_cli.py tests/test_lessons.py tests/views/test_rewrites.py \
    tests/views/test_text.py tests/test_versions.py tests/test_debug.py tests/test_testing.py \
    tests/sandbox/test_analysis_in_worker.py::test_the_pairwise_example_is_explained_to_the_end \
    --ignore tests/analysis/test_captured_properties.py

.PHONY: setup run test test-oldest test-attacks check bench venv

setup: $(TEST_STAMP)
	@$(COMPILE)
	@echo "Ready. 'make run' starts the app, 'make test' tests it."

run: $(RUN_STAMP)
	@$(COMPILE)
	@exec .venv/bin/python -m streamlit run app.py --server.port $(PORT)

test: $(TEST_STAMP)
	@$(COMPILE)
	@.venv/bin/python -m tests.browser
	@.venv/bin/python -m tests.offered
	@.venv/bin/python -m tests.nginx
	@.venv/bin/python -m pytest -n 2 --dist loadgroup $(ARGS)

test-attacks: $(TEST_STAMP)
	@.venv/bin/python -m tests.offered
	@ATTACKS=all .venv/bin/python -m pytest -n 2 --dist loadgroup tests/attacks $(ARGS)

test-oldest: $(OLDEST_STAMP)
	@.venv-oldest/bin/python -m pytest -n 2 --dist loadgroup $(OLDEST_TESTS) $(ARGS)

check: $(TEST_STAMP)
	@.venv/bin/python -m ruff format --check .
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m pyright
	@.venv/bin/python -m pytest -n 0 -q tests/test_layers.py

bench: $(TEST_STAMP)
	@$(COMPILE)
	@found=0; for file in bench/bench_*.py; do \
	    [ -e "$$file" ] || continue; \
	    found=1; module=$${file%.py}; \
	    echo "== $$file"; .venv/bin/python -m "$${module//\//.}" || exit 1; \
	done; [ $$found = 1 ] || echo "No benchmarks: bench/ holds no bench_*.py."

# A missing or broken .venv is made anew, whatever the stamps say.
ifneq ($(shell .venv/bin/python -c 'import sys, pip; print(sys.version_info >= (3, 11))' 2>/dev/null),True)
$(RUN_STAMP): venv
endif

$(RUN_STAMP): requirements.txt
	@echo "Installing requirements.txt into .venv (a few minutes the first time)"
	@$(PIP) -r requirements.txt
	@touch $@

$(TEST_STAMP): tests/requirements.txt $(RUN_STAMP)
	@echo "Installing tests/requirements.txt into .venv"
	@$(PIP) -r tests/requirements.txt
	@touch $@

$(OLDEST_STAMP): requirements.txt tests/requirements.txt $(RUN_STAMP)
	@echo "Installing JAX $(OLDEST) and what else the tests need into .venv-oldest"
	@.venv/bin/python -m venv --clear .venv-oldest
	@.venv-oldest/bin/python $(PIP_INSTALL) -r requirements.txt -r tests/requirements.txt \
	    jax==$(OLDEST) jaxlib==$(OLDEST)
	@touch $@

venv:
	@for python in "$(PYTHON)" python3.13 python3.12 python3.11 python3.14 python3; do \
	    [ -n "$$python" ] || continue; \
	    "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || continue; \
	    echo "Making .venv with $$("$$python" --version)"; \
	    rm -rf .venv; \
	    "$$python" -m venv .venv && exit 0; \
	    echo "$$python could not make a virtual environment (see above)." >&2; \
	    echo "On Debian or Ubuntu install its venv package (apt-get install python3-venv), then run make again." >&2; \
	    rm -rf .venv; exit 1; \
	done; \
	echo "No CPython 3.11 to 3.14 found (looked for python3.13, 3.12, 3.11, 3.14 and python3 on PATH)." >&2; \
	echo "Install one from your package manager or python.org, or name it: make PYTHON=/path/to/python3.12" >&2; \
	exit 1
