# Two commands do everything: `make book` and `make test`.
# Each sets up .venv from requirements.lock first, when it is missing or stale.

PYTHON ?= python3
ENV_NAME := preflare

# Inside an active conda environment made from environment.yml, that one is used.
ifeq ($(CONDA_DEFAULT_ENV),$(ENV_NAME))
ENV := $(CONDA_PREFIX)
else
ENV := .venv
endif

PY := $(ENV)/bin/python
READY := $(ENV)/.preflare-ready

.PHONY: book test env lock clean
.DELETE_ON_ERROR:

book: $(READY)
	$(PY) -m preflare book $(BOOK_FLAGS)

test: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest preflare tests $(TEST_FLAGS)

env: $(READY)

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "preflare needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is not one of them: set PYTHON, for example make PYTHON=python3.12." >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv

$(READY): requirements.lock pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

# Resolve the dependencies of pyproject.toml anew and pin what comes out.
lock:
	rm -rf _build/lock && $(PYTHON) -m venv _build/lock
	_build/lock/bin/python -m pip install --quiet --disable-pip-version-check '.[test]'
	{ echo "# Every package of the environment, pinned. Remake with: make lock"; \
	  _build/lock/bin/python -m pip freeze --exclude preflare | sed 's/^\(torch==[0-9.]*\)+.*/\1/'; } > requirements.lock.new
	mv requirements.lock.new requirements.lock
	rm -rf _build/lock

clean:
	rm -rf _build
