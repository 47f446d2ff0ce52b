# The commands of the course. The first one that needs it makes .venv (tools/bootstrap.py).
#   make PYTHON=python3.12 …                        the Python that .venv is made with
#   make train REQUIREMENTS=requirements-gpu.txt    with CUDA, on Linux

PYTHON ?= python3
REQUIREMENTS ?=
NAMES ?=
SUBMISSIONS ?= submissions
REPO ?=
REF ?=
REFRESH ?=
JOBS ?=
ARGS ?=

VENV := .venv/bin/python
# A file is one process's work from end to end: a notebook has one kernel.
PARALLEL := -n logical --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help environment train test test-classroom test-colab lab lint format notebooks bench \
	assignments grade colab data clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

environment: ## make .venv from the pinned packages, or update it to them
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "There is no $(PYTHON) here: install Python 3.11 to 3.13, or name one, as in make PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) tools/bootstrap.py $(if $(REQUIREMENTS),--requirements $(REQUIREMENTS))

train: environment ## train the full LSTM-GAN on daily GOOG prices; ARGS="--csv FILE" for your own data
	@$(VENV) -m utils.train --profile full $(ARGS)

test: lint ## check the style, run the unit tests, run every notebook and compare its outputs
	COURSE_PROFILE=quick $(VENV) -m pytest -q $(PARALLEL) tests
	COURSE_PROFILE=quick $(VENV) -m pytest -q $(PARALLEL) --nbval notebooks

test-classroom: environment ## prove the assignments: sources, releases, wrong and hostile submissions
	COURSE_PROFILE=quick $(VENV) -m pytest -q -n logical --maxprocesses 4 --dist loadgroup -m classroom tests

test-colab: environment ## run every notebook alone, as on Colab, with Colab's package versions
	@$(PYTHON) tools/bootstrap.py --folder .venv-colab --requirements tests/colab-constraints.txt
	COURSE_PROFILE=quick $(VENV) -m pytest -q -n logical --maxprocesses 2 -m colab tests

lab: environment ## open JupyterLab on your copy of the lessons, my/; REFRESH=1 renews it
	@$(VENV) tools/lab.py $(if $(REFRESH),--refresh) $(ARGS)

lint: environment ## check the style of Python files and notebooks
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .

format: environment ## put Python files and notebooks into the course's style
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .

notebooks: environment ## run in full the notebooks that need it, store their outputs; NAMES="01 11" JOBS=2
	@$(VENV) tools/notebooks.py $(NAMES) $(if $(JOBS),--jobs $(JOBS)) $(ARGS)

bench: ## measure quality (missing rows only) and speed; adds PyTorch to .venv
	@$(MAKE) --no-print-directory environment REQUIREMENTS=requirements-bench.txt
	$(VENV) -m benchmarks.quality $(ARGS)
	$(VENV) -m benchmarks.speed

assignments: environment ## make the students' version of the assignments, in dist/assignments
	@$(VENV) tools/classroom.py release

grade: environment ## grade a folder of notebooks, into grades/; SUBMISSIONS=folder
	@$(VENV) tools/classroom.py grade "$(SUBMISSIONS)" $(ARGS)

colab: environment ## make dist/course.zip; REPO=owner/name REF=tag stamp badges and setup cells
	@$(VENV) tools/colab.py --repo "$(REPO)" --ref "$(REF)" $(ARGS)

data: environment ## check the files in data/ against their checksums
	@$(VENV) data/build.py --check

clean: ## delete caches; .venv and runs/ stay
	rm -rf .pytest_cache .ruff_cache notebooks/.ipynb_checkpoints
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
