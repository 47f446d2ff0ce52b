# The commands of the course. The first one that needs it makes .venv (tools/bootstrap.py).
#   make PYTHON=python3.12 …                        the Python that .venv is made with
#   make train REQUIREMENTS=requirements-gpu.txt    with CUDA, on Linux

PYTHON ?= python3
REQUIREMENTS ?=
NAMES ?=
SUBMISSIONS ?= submissions
REPO ?=
REF ?=
BASE ?= main
REFRESH ?=
JOBS ?=
ARGS ?=

VENV := .venv/bin/python
# A file is one process's work from end to end: a notebook has one kernel.
PARALLEL := -n logical --maxprocesses 4 --dist loadfile
PYTEST := COURSE_PROFILE=quick $(VENV) -m pytest -q $(PARALLEL)

.DEFAULT_GOAL := help
.PHONY: help environment instructor train sample test test-units test-changed test-classroom test-colab test-browser lab \
	lint format notebooks bench bench-rivals gpu-check assignments grade colab site data lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

environment: ## make .venv from the pinned packages, or update it to them
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "There is no $(PYTHON) here: install Python 3.11 to 3.13, or name one, as in make PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) tools/bootstrap.py $(if $(REQUIREMENTS),--requirements $(REQUIREMENTS))

instructor: ## add nbgrader to .venv, for who grades
	@$(MAKE) --no-print-directory environment REQUIREMENTS=requirements-instructor.txt

train: environment ## train the full LSTM-GAN on daily GOOG prices; ARGS="--csv FILE" for your own data
	@$(VENV) -m utils.train --profile full $(ARGS)

sample: environment ## draw windows from a run; ARGS="runs/goog --windows 5000 --out synthetic.csv"
	@$(VENV) -m utils.sample $(ARGS)

test: lint ## check style and types, run the unit tests, run every notebook and compare its outputs
	$(PYTEST) tests notebooks

test-units: environment ## run the unit tests alone
	$(PYTEST) tests

test-changed: environment ## run the notebooks that the changes since a commit mark; BASE=main
	@marked=$$($(VENV) tools/notebooks.py --changed "$(BASE)") || exit 1; \
	paths=$$(for name in $$marked; do find notebooks -name "$$name.ipynb"; done); \
	if [ -n "$$paths" ]; then $(PYTEST) $$paths; else echo "No notebook is marked."; fi

test-classroom: instructor ## prove the assignments: sources, releases, wrong and hostile submissions
	COURSE_PROFILE=quick $(VENV) -m pytest -q -n logical --maxprocesses 4 --dist loadgroup -m classroom tests

test-colab: environment ## run every notebook alone, as on Colab, with Colab's package versions
	@$(PYTHON) tools/bootstrap.py --folder .venv-colab --requirements tests/colab-constraints.txt
	COURSE_PROFILE=quick $(VENV) -m pytest -q -n logical --maxprocesses 2 -m colab tests

test-browser: ## open the site and JupyterLab in Chromium: errors, links, equations, axe, search, widgets
	@$(MAKE) --no-print-directory environment REQUIREMENTS=requirements-browser.txt
	$(VENV) -m pytest -q -m browser tests/test_browser.py tests/test_browser_lab.py

lab: environment ## open JupyterLab on your copy of the lessons, my/; REFRESH=1 renews it
	@$(VENV) tools/lab.py $(if $(REFRESH),--refresh) $(ARGS)

lint: environment ## check the style of Python files and notebooks, and the types of utils
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy

format: environment ## put Python files and notebooks into the course's style
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .

notebooks: environment ## run in full the notebooks that need it, store their outputs; NAMES="01 11" JOBS=2
	@$(VENV) tools/notebooks.py $(NAMES) $(if $(JOBS),--jobs $(JOBS)) $(ARGS)

bench: ## measure quality (missing rows only) and speed; adds PyTorch to .venv
	@$(MAKE) --no-print-directory environment REQUIREMENTS=requirements-bench.txt
	$(VENV) -m benchmarks.quality $(ARGS)
	$(VENV) -m benchmarks.sines_of_the_paper
	$(VENV) -m benchmarks.speed

gpu-check: ## check cuDNN, the same bits, speed and all lessons on this machine's NVIDIA GPU; ARGS=--no-lessons
	@$(MAKE) --no-print-directory environment REQUIREMENTS=$(or $(REQUIREMENTS),requirements-gpu.txt)
	@$(VENV) -m benchmarks.gpu $(ARGS)

bench-rivals: environment ## measure the rivals (missing rows only), each in an environment of its own
	@$(VENV) -m benchmarks.rivals $(ARGS)

assignments: instructor ## make the students' version of the assignments, in dist/assignments
	@$(VENV) tools/classroom.py release

grade: instructor ## grade a folder of notebooks, into grades/; SUBMISSIONS=folder
	@$(VENV) tools/classroom.py grade "$(SUBMISSIONS)" $(ARGS)

colab: environment ## make dist/course.zip; REPO=owner/name REF=tag stamp badges and setup cells
	@$(VENV) tools/colab.py --repo "$(REPO)" --ref "$(REF)" $(ARGS)

site: ## build the site from the stored outputs, in dist/site; adds Sphinx to .venv
	@$(MAKE) --no-print-directory environment REQUIREMENTS=requirements-site.txt
	@$(VENV) tools/site.py $(ARGS)

data: environment ## check the files in data/ against their checksums
	@$(VENV) data/build.py --check

lock: ## pin all packages anew, from requirements*.in; ARGS=--upgrade takes newer versions
	@$(PYTHON) tools/lock.py $(ARGS)

clean: ## delete caches; .venv and runs/ stay
	rm -rf .pytest_cache .ruff_cache .mypy_cache notebooks/.ipynb_checkpoints
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
