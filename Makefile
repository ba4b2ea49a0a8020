# What people do with a checkout. `make help` lists it.

.DEFAULT_GOAL := help
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet -c constraints.txt
WANTED := pyproject.toml constraints.txt

.PHONY: help demo test lint types check bench clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 10

demo: $(VENV)/demo.stamp ## record a small multi-agent program and show what is known of it
	$(BIN)/otel-bridge demo

test: $(VENV)/test.stamp ## run the tests, without the slow ones
	$(BIN)/python -m pytest -n 2 -m "not slow and not peers"

lint: $(VENV)/dev.stamp ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp ## check the types
	$(BIN)/python -m mypy

check: lint types test ## lint, types and test

bench: $(VENV)/test.stamp ## run every benchmark but the soak
	@for script in benchmarks/[a-z]*.py; do \
	  [ -f "$$script" ] && [ "$$script" != benchmarks/soak.py ] || continue; \
	  echo "== $$script"; $(BIN)/python "$$script" || exit 1; \
	done

clean: ## remove what make made, the virtual environment included
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An interpreter is tried by running it: the name alone may be an empty shim.
$(VENV)/base.stamp:
	@[ -x $(BIN)/python ] || { \
	  for name in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	    if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	    then found=$$name; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "otel-bridge needs Python 3.11 or newer and found none;" \
	      "install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$found" --version)"; \
	  "$$found" -m venv $(VENV) || { \
	    rm -rf $(VENV); \
	    echo "$$found could not make a virtual environment;" \
	      "some systems have that in a package named python3-venv" >&2; exit 1; \
	  }; \
	}
	@$(PIP) install --quiet --upgrade "pip>=25.1"
	@touch $@

$(VENV)/demo.stamp: $(VENV)/base.stamp $(WANTED)
	@echo "Installing otel-bridge (once)"
	@$(INSTALL) -e ".[demo]"
	@touch $@

$(VENV)/test.stamp: $(VENV)/base.stamp $(WANTED)
	@echo "Installing otel-bridge and the test tools (once)"
	@$(INSTALL) -e ".[demo]" --group test
	@touch $@

$(VENV)/dev.stamp: $(VENV)/base.stamp $(WANTED)
	@echo "Installing otel-bridge and the development tools (once)"
	@$(INSTALL) -e ".[demo]" --group dev
	@touch $@
