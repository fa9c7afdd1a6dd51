# Makefile: builds, tests and measures. It needs gcc, make and Python 3.11+ with headers and venv.
#
#   make run        run the demo                  make test       all tests except the slow ones
#   make dev        rebuild the core fast (-O1)   make slow       the slow tests
#   make lint       ruff, cython-lint, mypy ...   make notail     the tests on a build without tail calls
#   make bench      the benchmarks                make sanitize   all tests under ASan and UBSan
#   make firmware   rebuild the BIOS (nasm)       make fuzz       hostile guests, under ASan and UBSan
#   make tsan       many threads, under TSan      make ops        which ops real guests execute
#   make kernels    rebuild the benchmark kernels make nightly    make slow, then an hour of fuzz
#   make board      update the vectors' board in the docs
#   make firmware-elsewhere         our BIOS on QEMU, the video BIOSes of others here
#   make gallery    the pictures of the README
#   make wheel      dist/*.whl                    make clean      back to a fresh clone
#
# ARGS="..." goes to pytest, the demo, the bench or the fuzz:  make test ARGS="-k uart -x"
# SECONDS=N is how long the fuzz or tsan runs:  make fuzz SECONDS=600 ARGS="--jobs 2"

# The first Python in PATH that is new enough. To choose another: make PYTHON=/path/to/python3.12
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=
SECONDS ?= 60

CORE := $(wildcard pyx86emu/_core.p* pyx86emu/core/*.pxi pyx86emu/core/*/*.pxi pyx86emu/core/*.h) \
	setup.py pyproject.toml
PACKAGE := $(CORE) $(shell find pyx86emu -name '*.py' -o -name '*.pyi' -o -path '*/roms/*' -o -path '*/measure/bin/*')
NEEDS := Debian: apt-get install gcc make python3-dev python3-venv

.PHONY: run test dev slow lint bench kernels firmware firmware-elsewhere notail ops sanitize tsan fuzz nightly board gallery wheel clean core
.DELETE_ON_ERROR:

run: core
	$(PY) -m pyx86emu $(ARGS)

test: core $(VENV)/deps-test
	$(PY) -m pytest $(ARGS)

slow: core $(VENV)/deps-test
	$(PY) -m pytest -m slow $(ARGS)

# -- the environment ------------------------------------------------------------------------------

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none is in PATH. $(NEEDS)," \
		"or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too" \
		"old: Python 3.11 or newer is needed; say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, os, sysconfig, venv; \
		os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null || \
		{ echo "$(PYTHON) has no C headers or no venv module. $(NEEDS)" >&2; exit 1; }
	@command -v $(firstword $(CC)) >/dev/null || { echo "no C compiler. $(NEEDS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Install what pyproject.toml lists to build and to run, and for the extras of EXTRAS_NAME.
EXTRAS_core :=
EXTRAS_test := test
EXTRAS_lint := lint
EXTRAS_bench := bench
$(VENV)/deps-%: pyproject.toml | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check $$($(PY) -c 'import sys, tomllib; \
		p = tomllib.load(open("pyproject.toml", "rb")); q = p["project"]; \
		print(*p["build-system"]["requires"], *q["dependencies"], \
		*(r for extra in sys.argv[1:] for r in q["optional-dependencies"][extra]))' $(EXTRAS_$*))
	@touch $@

# -- the core, in place ----------------------------------------------------------------------------
# `make dev` replaces the release build. The next target that needs `core` builds the release again.

BUILD_HERE = $(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .

core: .build/release.done
.build/release.done: $(CORE) | $(VENV)/deps-core
	@rm -f .build/*.done && mkdir -p .build
	PYX86EMU_BUILD=release $(BUILD_HERE)
	@touch $@

dev: .build/dev.done $(VENV)/deps-test
.build/dev.done: $(CORE) | $(VENV)/deps-core
	@rm -f .build/release.done .build/dev.done && mkdir -p .build
	PYX86EMU_BUILD=dev $(BUILD_HERE)
	@touch $@

# -- other builds: the tests run on a copy of the package in .build/FLAVOUR/lib --------------------

.build/%/done: $(PACKAGE) | $(VENV)/deps-core
	@rm -rf .build/$*
	PYX86EMU_BUILD=$* $(PY) setup.py --quiet build --build-lib .build/$*/lib
	@touch $@

# With these paths `import pyx86emu` imports the copy, also in processes that tests start.
elsewhere = PYX86EMU_BUILD=$1 PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/.build/$1/lib:$(CURDIR)$2
SANITIZER_LIBS = $(foreach l,libasan.so libubsan.so libstdc++.so.6,$(realpath $(shell $(CC) -print-file-name=$l)))

# notail and sanitize compare themselves with the release build (tests/test_builds.py).
notail: .build/notail/done core $(VENV)/deps-test
	$(call elsewhere,notail) $(PY) -m pytest $(ARGS)

# Which ops real guests execute: see tests/ops_counted.py.
ops: .build/ops/done $(VENV)/deps-test
	@$(call elsewhere,ops) $(PY) -m tests.ops_counted $(ARGS)

# Python's own allocator and signal handler would hide errors, and pytest would capture the report of
# one, so they are replaced or off. Leaks are not checked, as Python itself leaks at exit. The allocator
# does not look at the clock, since a test counts who does.
ASAN_CHECKS = detect_leaks=0:handle_segv=2:handle_sigbus=2:allocator_release_to_os_interval_ms=-1
ASAN = PYTHONMALLOC=malloc ASAN_OPTIONS=$(ASAN_CHECKS) \
	UBSAN_OPTIONS=print_stacktrace=1 LD_PRELOAD="$(strip $(SANITIZER_LIBS))"
SANITIZED = $(call elsewhere,sanitize,:$(CURDIR)/tests/sanitized) $(ASAN) $(PY)
sanitize: .build/sanitize/done core $(VENV)/deps-test
	$(SANITIZED) -m pytest --capture=sys -v -m "" $(ARGS)

# ThreadSanitizer, on many threads at once. tests/tsan.supp names what is meant to race, and why.
TSAN_OPTIONS = suppressions=$(CURDIR)/tests/tsan.supp:exitcode=66:halt_on_error=0
tsan: .build/tsan/done core $(VENV)/deps-test
	$(call elsewhere,tsan) TSAN_OPTIONS=$(TSAN_OPTIONS) \
		LD_PRELOAD=$(realpath $(shell $(CC) -print-file-name=libtsan.so)) \
		$(PY) -m tests.io.stress --seconds $(SECONDS) $(ARGS)

# A hostile value may ask for too much memory. That must raise MemoryError, not stop the sanitizer.
fuzz: ASAN_CHECKS := $(ASAN_CHECKS):allocator_may_return_null=1:max_allocation_size_mb=2048
fuzz: .build/sanitize/done $(VENV)/deps-test
	$(SANITIZED) -m tests.fuzz --seconds $(SECONDS) $(ARGS)

# slow and fuzz both run to their end, even after a failure. Then their summaries are printed again.
# ARGS goes to the fuzz.
NIGHT = .build/nightly
nightly: SECONDS := 3600
nightly:
	@rm -rf $(NIGHT) && mkdir -p $(NIGHT)
	@{ $(MAKE) slow ARGS= || echo slow >> $(NIGHT)/failed; } 2>&1 | tee $(NIGHT)/slow.log
	@{ $(MAKE) fuzz SECONDS=$(SECONDS) || echo fuzz >> $(NIGHT)/failed; } 2>&1 | tee $(NIGHT)/fuzz.log
	@echo "==== nightly"; grep -hE '^(=+ .* in [0-9.]+s|fuzz: |FINDING |\| )' $(NIGHT)/*.log
	@! sed 's/^/failed: make /' $(NIGHT)/failed 2>/dev/null

# -- the rest -------------------------------------------------------------------------------------

CYTHON_SOURCES = $(wildcard pyx86emu/*.pyx pyx86emu/*.pxd pyx86emu/core/*.pxi pyx86emu/core/*/*.pxi bench/*.pyx)

lint: core $(VENV)/deps-test $(VENV)/deps-lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" cython-lint $(CYTHON_SOURCES)
	$(VENV)/bin/mypy
	$(PY) -m pytest tests/test_source.py tests/test_build.py

bench: core $(VENV)/deps-bench .build/micro.done
	$(PY) bench/micro.py
	$(PY) -m pyx86emu bench $(ARGS)

.build/micro.done: $(CORE) bench/_micro.pyx | $(VENV)/deps-core
	PYX86EMU_BENCH=1 PYX86EMU_BUILD=release $(PY) setup.py --quiet build_ext --inplace \
		> .build/micro.log 2>&1 || { cat .build/micro.log; false; }
	@touch $@

KERNELS := $(patsubst bench/kernels/%.asm,pyx86emu/measure/bin/%.bin,$(wildcard bench/kernels/*.asm))
kernels: $(KERNELS)
pyx86emu/measure/bin/%.bin: bench/kernels/%.asm $(wildcard bench/kernels/*.inc bench/kernels/*.toy)
	nasm -w+error -f bin -i bench/kernels/ $< -o $@

firmware:
	@command -v nasm >/dev/null || { echo "no nasm. Debian: apt-get install nasm" >&2; exit 1; }
	$(PYTHON) firmware/build.py

# Video BIOSes of others on our machine, and our BIOS on QEMU. What is not installed is skipped, with the reason.
firmware-elsewhere: core $(VENV)/deps-test
	$(PY) -m pytest -m "" -rs tests/guests/test_firmware_elsewhere.py $(ARGS)

# Write the board of the CPU vectors into the pages that show it.
board: core $(VENV)/deps-test
	$(PY) -m tests.tools.board docs/CONFORMANCE.md README.md

# Write the pictures of the README again: what guests of tests/guests draw.
gallery: core $(VENV)/deps-test
	$(PY) docs/gallery.py

wheel: | $(VENV)/deps-core
	@rm -rf .build/release
	$(PY) -m pip wheel --quiet --no-deps --no-build-isolation -w dist .

clean:
	rm -rf $(VENV) .build build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f pyx86emu/_core*.so pyx86emu/_micro*.so
	find pyx86emu tests bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
