# Two commands do everything: `make book` and `make test`.
# Each sets up .venv from requirements.lock first, when it is missing or stale.

PYTHON ?= python3

# An active conda environment made from environment.yml has preflare in it: use that one.
ifneq ($(and $(CONDA_PREFIX),$(wildcard $(CONDA_PREFIX)/bin/preflare)),)
ENV := $(CONDA_PREFIX)
else
ENV := .venv
endif

# SOLUTIONS=1 adds the solutions of the exercises, for teachers.
SOLUTIONS ?= 0
ifeq ($(filter 0 1,$(SOLUTIONS)),)
$(error SOLUTIONS is "$(SOLUTIONS)": set it to 1 for a book with solutions, or to 0)
endif

# Two chapters side by side keep four cores busy. For --profile paper, leave them one by one.
BOOK_FLAGS ?= --jobs 2

PY := $(ENV)/bin/python
READY := $(ENV)/.preflare-ready

.PHONY: book test faults audit env lock picture clean
.DELETE_ON_ERROR:

book: $(READY)
	$(PY) -m preflare book $(if $(filter 1,$(SOLUTIONS)),--solutions) $(BOOK_FLAGS)

test: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy --num-workers auto
	@# pytest ends with 5 where it finds no test: TEST_FLAGS may leave one of the two without any.
	@# Side by side, threads of torch's own would wait for each other more than they compute. Files of
	@# few long tests come first, as they are collected: last, one process would be left with them.
	@# Those that measure time run after them, alone; only their files are read for it.
	OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses logical --dist loadfile --no-loadscope-reorder -m "not alone" $(TEST_FLAGS); \
	beside=$$?; \
	case $$beside in 0|5) ;; *) exit $$beside ;; esac; \
	$(PY) -m pytest -m alone -o testpaths="$$(grep -rl --include='*.py' 'mark\.alone' tests | tr '\n' ' ')" $(TEST_FLAGS); alone=$$?; \
	case $$beside-$$alone in 0-0|0-5|5-0) ;; *) exit $$alone ;; esac

# All faults that are to be survived; `make test` makes a part of them.
faults: $(READY)
	OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses logical --dist worksteal --thorough tests/faults $(TEST_FLAGS)

# Known vulnerabilities of what requirements.lock pins: found ones fail, here and once a week.
AUDIT_FLAGS ?= --strict
audit: $(READY)
	$(PY) .ci/audit.py $(AUDIT_FLAGS)

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

# Take README's picture from the landing page.
picture: book
	$(PY) -c "import base64, nbformat; \
	  cells = nbformat.read('_build/runs/index.ipynb', 4).cells; \
	  data = next(out.data['image/png'] for cell in cells for out in cell.get('outputs', []) \
	              if 'image/png' in out.get('data', {})); \
	  open('book/_static/preflare.png', 'wb').write(base64.b64decode(data))"

clean:
	rm -rf _build
