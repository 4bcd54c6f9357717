# install, then demo or test; `make help` lists the rest. Needs Python 3.11 to 3.13 and a package registry.

BIN := .venv/bin
STAMP := .venv/.installed
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
  $$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$each && break; done)

# uv does not read pip's settings; hand on those that say where packages come from.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PIP_EXTRA_INDEX_URL
export UV_INDEX ?= $(PIP_EXTRA_INDEX_URL)
endif
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
endif

.PHONY: help install demo test check bench lab notebooks lock
.DEFAULT_GOAL := help

help:
	@echo "make install   the locked environment in .venv"
	@echo "make demo      the tour, executed, and its result"
	@echo "make test      every test, the coverage floor, then the notebooks"
	@echo "make check     style, types and architecture"
	@echo "make bench     the benchmarks"
	@echo "make lab       JupyterLab on the notebooks"
	@echo "make notebooks the stored notebooks, executed anew"
	@echo "make lock      the lock files, made anew from pyproject.toml"

install: $(STAMP)

$(STAMP): pyproject.toml locks/all.txt locks/uv.txt
	@test -n "$(PYTHON)" || { echo "make install: needs Python 3.11, 3.12 or 3.13" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r locks/uv.txt
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes locks/all.txt \
	  || $(BIN)/python -m pip install --quiet --require-hashes -r locks/all.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: install
	$(BIN)/workbench pipeline notebooks/00_tour.ipynb

test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered
	$(BIN)/python -m pytest --nbval-lax --nbval-current-env -p tests.notebooks.comparison notebooks

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p workbench
	$(BIN)/python -m pytest tests/architecture

bench: install
	$(BIN)/python -m pytest -s tests/benchmarks

lab: install
	$(BIN)/jupyter lab notebooks

notebooks: install
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb
	$(BIN)/jupyter nbconvert --to notebook --inplace --coalesce-streams notebooks/*.ipynb

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

lock: install
	$(COMPILE) pyproject.toml --all-extras -o locks/all.txt
	sed -n '/^ *--hash/!s/ \\$$//p' locks/all.txt > locks/versions.txt
	$(COMPILE) pyproject.toml --extra live -c locks/all.txt -o locks/live.txt
	$(COMPILE) pyproject.toml --extra live --extra research --extra lab --extra vectorbt -c locks/all.txt -o locks/research.txt
	sed -n 's/^\(uv==[^ ]*\).*/\1/p' locks/uv.txt | $(COMPILE) - -o locks/uv.txt
