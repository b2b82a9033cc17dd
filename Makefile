# make demo    set up and run the main job, to a WER table
# make test    set up and run every test
# make lint    ruff, mypy, shellcheck
# make bench   the measurements in benchmarks/
# make clean   remove the environment, caches and what recipes made
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SHELL_SCRIPTS = $(shell git ls-files '*.sh' .ci/run)

.PHONY: demo test lint bench setup clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile | head -5
.PHONY: help

setup: $(VENV)/.complete

# The stamp is written last: an interrupted set-up is done again.
$(VENV)/.complete: requirements.lock setup.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	bash egs/mini/run.sh
	@cat egs/mini/results/test.md
	@echo
	@echo "model: egs/mini/exp/conformer/bundle; try it:"
	@echo "  $(BIN)/asr transcribe --bundle egs/mini/exp/conformer/bundle egs/mini/exp/conformer/bundle/test.wav"

# Without a browser the tests of the server's page are skipped, and say so.
browser:
	@bash tools/install_browser.sh || true
.PHONY: browser

test: setup browser
	$(BIN)/python -m pytest -n auto --dist worksteal
	@if $(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then \
	  $(MAKE) --no-print-directory test-gpu; fi

# make test runs these too where torch sees a GPU.
test-gpu: setup
	$(BIN)/python -m pytest -m needs_gpu
.PHONY: test-gpu

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/shellcheck -x $(SHELL_SCRIPTS)

bench: setup
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/decoding.py
	$(BIN)/python benchmarks/ngram.py
	$(BIN)/python benchmarks/augmentation.py
	$(BIN)/python benchmarks/export.py
	$(BIN)/python benchmarks/streaming.py
	$(BIN)/python benchmarks/serving.py

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
	rm -rf egs/*/data egs/*/exp egs/*/results egs/*/rehearsal
