# The front door. Every target makes the environment it needs; python 3.11 or newer, make and git are all it takes.
#
#   make demo     publish examples/charts into a local cache and show the table
#   make test     install real registries, Helm 3 and 4 and clients once, and run all tests
#   make lint     ruff, mypy, zizmor, schemas, generated pages
#   make bench    ours against helm, xargs -P8 helm and a bare client
#   make campaign  every fault of a list at every request, and what came of it
#   make mutants  random changes of pure modules, and which of them the tests notice
#   make campaign-github  every request of a publish refused by every refusal GitHub is known for
#   make image    the image of the action, without a daemon (buildah, podman; as root it installs them)

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types docs schema bench campaign mutants campaign-github image tools lock clean

# The newest usable Python; PYTHON=... chooses another.
PYTHON ?= $(shell for v in 3.14 3.13 3.12 3.11 3; do \
	python$$v -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo python$$v && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:
export PYTHONPATH := src
# The tests start the command hundreds of times: without bytecode each start compiles it anew.
unexport PYTHONDONTWRITEBYTECODE
DEMO := .cache/demo

help:
	@sed -n 's/^#   //p' Makefile

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with venv and pip found; set PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt | $(VENV)/bin/python
	$(INSTALL) -r requirements/run.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(VENV)/bin/python
	$(INSTALL) -r requirements/dev.txt
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run
	$(RUN) -m oci_chart_publish publish examples/charts --source https://github.com/org/charts --layout $(DEMO)
	@echo "the image layout is in $(DEMO): try  skopeo inspect --raw oci:$(DEMO):guestbook:1.4.0"

tools: $(VENV)/.dev
	$(RUN) scripts/tools.py

test: tools
	$(RUN) -m pytest -n 3 --dist loadgroup $(ARGS)

lint: $(VENV)/.dev
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(RUN) scripts/options.py --check
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/workflows/*.yml
	$(VENV)/bin/zizmor --offline --quiet .github/workflows examples/workflows action.yml

campaign-github: $(VENV)/.dev
	PYTHONPATH=src:. $(RUN) -m tests.campaign.github $(ARGS)

types: $(VENV)/.dev
	$(RUN) -m mypy

format: $(VENV)/.dev
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format

docs schema: $(VENV)/.run
	$(RUN) scripts/options.py
	$(RUN) scripts/schema.py

campaign: $(VENV)/.dev
	$(RUN) scripts/campaign.py

mutants: $(VENV)/.dev
	$(RUN) scripts/mutants.py $(ARGS)

bench: tools
	$(RUN) benchmarks/bench.py $(ARGS)

image:
	$(PYTHON) scripts/image.py $(ARGS)

# New locks: `make lock` needs uv.
lock:
	uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 --no-header --no-annotate -o requirements/run.txt
	uv pip compile pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 --no-header --no-annotate -o requirements/dev.txt

clean:
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
