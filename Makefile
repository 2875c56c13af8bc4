# Every target sets itself up: `make demo` and `make test` work on a fresh clone with only Python.
SHELL := /bin/sh
PY := .venv/bin/python
# A second busy process makes spinning OpenMP threads many times slower; passive ones lose nothing.
export OMP_WAIT_POLICY ?= PASSIVE
export PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help setup demo test tests test-slow test-browser lint typecheck bench mutants figures paper gallery docs clean

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## Make .venv with everything needed (the other targets do this themselves)
	@tools/setup.sh

demo: setup  ## Mark, train, audit and report on the embedded images (3 to 5 minutes on 2 cores)
	$(PY) run.py +experiment=demo

test: lint typecheck tests  ## Lint, type-check, run the tests, and the notebooks at tiny size

tests: setup  ## The tests and notebooks alone
	OMP_NUM_THREADS=1 TAGGANT_TINY=1 $(PY) -m pytest -n auto --dist loadfile -m "not slow and not browser" --nbmake tests notebooks

test-slow:  ## Run every test, the long ones and all launchers too
	@tools/setup.sh dev,launchers
	OMP_NUM_THREADS=1 TAGGANT_TINY=1 $(PY) -m pytest -n auto --dist loadfile -m "not browser" --nbmake tests notebooks

test-browser: setup  ## Measure a report of each kind in Chromium (Debian's, installed if need be)
	@tools/browser.sh
	OMP_NUM_THREADS=1 $(PY) -m pytest -m browser tests/report tests/owner/app

lint: setup  ## ruff: style and formatting; import-linter: no import runs up
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports

typecheck: setup  ## mypy --strict on src
	$(PY) -m mypy

OF_PHOTOS := bench/defences.py bench/grain.py

bench: setup  ## Time the hot paths beside their references; PHOTOS=FOLDER and PEERS=FOLDER add what needs photos and the peers' code
	@for bench in $(filter-out bench/common.py bench/peers.py $(OF_PHOTOS),$(wildcard bench/*.py)); do echo "== $$bench"; $(PY) "$$bench" || exit 1; done
	@for bench in $(if $(PHOTOS),$(OF_PHOTOS)); do echo "== $$bench"; $(PY) "$$bench" "$(PHOTOS)" || exit 1; done
	@for bench in $(if $(PEERS),bench/peers.py); do echo "== $$bench"; $(PY) "$$bench" "$(PEERS)" || exit 1; done

mutants: setup  ## Change the code that carries the guarantee, place by place: do the tests notice? (an hour)
	OMP_NUM_THREADS=1 TAGGANT_TINY=1 $(PY) tools/mutants.py

figures: setup  ## Redraw every figure and table from results/, without training
	$(PY) -m experiments draw

paper: setup  ## What the presets at the papers' size would need; runs nothing
	$(PY) -m experiments paper

gallery: setup  ## One page, gallery.html, with every figure, its command, status and date
	$(PY) -m experiments gallery

docs:  ## Build the site of the docs and the reference (site/index.html); a broken link fails
	@tools/setup.sh dev,docs
	$(PY) -m mkdocs build --strict

clean:  ## Remove caches, runs and stored artifacts (keeps .venv, data and secrets)
	rm -rf store runs site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
