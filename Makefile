# Everything here works on a machine with nothing but Python >= 3.11, pip, make and git.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
WORKERS := 2

.PHONY: help train notebooks test test-all check format bench parts results clean

help:
	@echo 'make train [ARGS="encoder=cnn seed=2"]   train on the built-in data, or on what ARGS says'
	@echo 'make notebooks                           open the notebooks in JupyterLab'
	@echo 'make test                                the tests, without the slow ones'
	@echo 'make test-all                            every test'
	@echo 'make check                               style and types'
	@echo 'make format                              mend the style'
	@echo 'make bench [ARGS="data=DIR"]             speed, part by part; docs/performance.md'
	@echo 'make parts                               docs/parts.md, the table of every part, anew'
	@echo 'make results [ARGS="data=DIR"]           train what experiments are missing; their table in docs/results.md'
	@echo 'make clean                               remove the environment and what tools left'

train: $(VENV)/seqclf.stamp
	@$(BIN)/python train.py $(ARGS)

notebooks: $(VENV)/jupyter.stamp
	@$(BIN)/python -m jupyterlab --notebook-dir=notebooks $(ARGS)

test: $(VENV)/test.stamp
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) $(ARGS)

test-all: $(VENV)/test.stamp
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) -m '' $(ARGS)

check: $(VENV)/dev.stamp
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(VENV)/dev.stamp
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: $(VENV)/seqclf.stamp
	@$(BIN)/python scripts/benchmark.py $(ARGS)

parts: $(VENV)/seqclf.stamp
	@$(BIN)/python scripts/parts.py

results: $(VENV)/seqclf.stamp
	@$(BIN)/python scripts/results_experiments.py $(ARGS)

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

# The environment, made once and again only when what it depends on has changed.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "seqclf needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/seqclf.stamp: EXTRAS =
$(VENV)/jupyter.stamp: EXTRAS = [jupyter]
$(VENV)/test.stamp: EXTRAS = [test]
$(VENV)/dev.stamp: EXTRAS = [dev,test]
$(VENV)/%.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo 'Installing seqclf$(EXTRAS) into $(VENV): some minutes, once.'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.$(EXTRAS)'
	@touch $@
