# Everything a developer runs. `make demo` and `make test` do their own set-up.
PYTHON ?= python3
VENV = .venv/bin
LIMIT = timeout --kill-after=10

.PHONY: setup demo test bench extension lint lock clean

setup:
	@$(PYTHON) tools/setup.py

demo: setup
	$(VENV)/python tools/demo.py $(if $(VIDEO),--video "$(VIDEO)") --out out

lint: setup
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/pyright

# Blender 4.5 runs the whole suite; Blender 5.2 runs the add-on's part, worker included, on its own
# Python. tests/training bakes the free body anew: some minutes.
test: lint
	$(LIMIT) 1200 $(VENV)/python -m pytest tests/core
	$(LIMIT) 1800 $(VENV)/python -m pytest tests/training
	$(LIMIT) 1200 $(VENV)/python -m pytest tests/addon
	@if [ -x .venv-blender52/bin/python ]; then \
		set -x; \
		$(LIMIT) 1200 .venv-blender52/bin/python -m pytest tests/addon; \
	else \
		echo "Skipped the add-on's tests on Blender 5.2: no .venv-blender52 (needs Python 3.13)."; \
	fi

bench: setup
	$(VENV)/python training/bench.py $(if $(EVAL),--eval "$(EVAL)") \
		$(if $(MOCAP),--mocap "$(MOCAP)")

# The light zip; `make extension WHEELS=linux-x64` (or windows-x64, macos-arm64) makes the one that
# needs nothing else, for both of Blender's Pythons; `PYTHONS=3.11` leaves the other one's wheels out.
extension: setup
	$(VENV)/python tools/build.py $(if $(WHEELS),--wheels $(WHEELS) $(PYTHONS:%=--python %))

# Needs uv. Where torch's CPU build is found: UV_FIND_LINKS, a folder or page. What the worker needs
# is locked for every system, and for both of Blender's Pythons.
LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --generate-hashes
RUN_TIME = $(LOCK) --universal --python-version 3.11
AGREE = -c core.txt -c torch-cpu.txt --no-emit-package torch
lock:
	cd requirements && $(RUN_TIME) core.in -o core.txt
	cd requirements && $(RUN_TIME) torch-cpu.in -o torch-cpu.txt
	cd requirements && UV_FIND_LINKS= $(RUN_TIME) torch.in -o torch.txt
	cd requirements && $(LOCK) --python-version 3.11 $(AGREE) dev.in -o dev.txt
	cd requirements && $(LOCK) --python-version 3.13 $(AGREE) blender52.in -o blender52.txt
	cd requirements && $(LOCK) --no-deps demo.in -o demo.txt
	cd requirements && $(LOCK) --no-deps --python-version 3.11 body.in -o body.txt
	cd requirements && $(LOCK) --no-deps --python-version 3.11 networks.in -o networks.txt

clean:
	rm -rf .venv .venv-blender52 .cache out dist wheels/*/ *.egg-info .pytest_cache .ruff_cache
