# make reproduce [BUDGET=smoke|quick|full] [CORES=n]   set up, run the benchmark, say where the report is
# make verify [BUDGET=...]                            compare the finished run with the released one
# make pack [BUDGET=...]                              one archive of a run, made first if need be: reports/<budget>/aebench-<budget>.zip
# make reference [BUDGET=...]                         make the finished run the released one: reference/
# make bench                                          set up, measure this suite beside its peers: results/bench.*
# make test                                           set up, lint, run all tests but the long ones
#                                                     (those of the page need a browser: apt-get install chromium)
# make test-long [LONG=expression]                    the long ones, or those that pytest's -k would choose:
#                                                     kill, fuzz, slurm, ...
# make reliability                                    every test behind docs/reliability.md, and its table anew
# make test-mutations                                 of the long ones those that break the metrics: does a test notice?
# make format                                         write the code as `make lint` wants it
# make lock [UPGRADE=1]                               pin what is new (or everything anew): constraints.txt,
#                                                     docs/dependencies.md, docs/sbom.json
# make audit                                          known vulnerabilities of what is pinned
PYTHON ?= python3
BUDGET ?= quick
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin
# Snakemake's scripts and the linters are found on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup reproduce verify reference bench test test-long reliability test-mutations lint format pack lock audit clean
help:
	@sed -n '/^#/!q;s/^# //p' Makefile

setup: .venv/installed
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(f"Python 3.11 to 3.13 is needed, found {sys.version.split()[0]}; name one with make PYTHON=python3.12" if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0)'
	@echo "Setting up .venv (once, a few minutes)"
	@[ ! -e .venv-unfinished ] || rm -rf .venv  # of a set-up that was killed: pip may take it for whole
	@touch .venv-unfinished
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable . || { rm .venv-unfinished; false; }
	@touch $@
	@rm .venv-unfinished

.venv/installed-dev: .venv/installed
	@echo "Installing what tests and linters need (once)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

.venv/installed-bench: .venv/installed
	@echo "Installing the peers that the benchmark measures (once)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	@touch $@

.venv/installed-audit: .venv/installed
	@echo "Installing what looks after the dependencies (once)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[audit]'
	@touch $@

reproduce: .venv/installed
	$(BIN)/snakemake --cores $(CORES) --config budget=$(BUDGET)
	@echo "The report is reports/$(BUDGET)/index.html"

pack: .venv/installed
	$(BIN)/snakemake --cores $(CORES) pack --config budget=$(BUDGET)

verify: .venv/installed
	@$(BIN)/python -m aebench.stages.verify $(BUDGET)

reference: .venv/installed
	@$(BIN)/python -m aebench.stages.verify $(BUDGET) --write

bench: .venv/installed-bench
	$(BIN)/python benchmarks/bench.py

test: lint
	$(BIN)/python -m pytest -n $(CORES) --dist loadscope -m "not long"

test-long: .venv/installed-dev
	$(BIN)/python -m pytest -m long -k "$(LONG)"

reliability: .venv/installed-dev
	$(BIN)/python -m pytest -m promise --reliability

test-mutations: .venv/installed-dev
	$(BIN)/python -m pytest tests/metrics/test_mutations.py

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakemake --lint

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

lock: .venv/installed-audit
	$(BIN)/python tools/dependencies.py lock $(if $(UPGRADE),--upgrade)
	$(MAKE) .venv/installed-dev .venv/installed-bench .venv/installed-audit
	$(BIN)/python tools/dependencies.py describe

audit: .venv/installed-audit
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

clean:
	rm -rf results reports .snakemake
