# capeai: everything starts here.
#
#   make            builds the extension            make demo    shows it at work, from nothing
#   make install    installs it (as root)           make test    sets up, builds, runs every test
#   make lint       walls, bans, format             make help    all targets
#
# The targets that must work on a machine with nothing installed (test, demo, deps)
# first run tools/setup and then start make again, because only then PGXS is there.
#
# Variables: PG_CONFIG=/path/to/pg_config   which PostgreSQL (15 to 18) to build for
#            WERROR=1                       warnings are errors (continuous integration)
#            JOBS=n                         parallel compilations (default: all processors)
#            CCACHE=                        do not use ccache even if it is there
#            V=1                            show whole commands

.DEFAULT_GOAL := all

PG_CONFIG ?= pg_config
JOBS ?= $(shell nproc)
CCACHE ?= $(shell command -v ccache 2>/dev/null)

# The version stands in capeai.control. (Not VERSION: PGXS sets that to PostgreSQL's.)
CAPEAI_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" capeai.control)

# What every compilation in this tree uses, server or not.
WARNINGS := -Wall -Wextra -Wshadow $(if $(WERROR),-Werror)
STANDARD := -std=c++20 -Isrc

# Lines for backtraces, not types: full debugging information (DEBUG_INFO=-g3) takes
# a third longer to compile.
DEBUG_INFO ?= -g1

# What a compilation shows: one short line, or with V=1 the command.
quietly = $(if $(V),,@echo '  $(1)';)

# A make of its own with all processors, unless the user has already said how many.
SUBMAKE = $(MAKE) --no-print-directory $(if $(V),,-s) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))

ifneq ($(PGXS),)
include make/extension.mk
else
.PHONY: all install
all install:
	@echo "PostgreSQL's server headers are missing (no PGXS at '$(PG_CONFIG)'): run 'make deps' first" >&2
	@exit 1
.PHONY: clean
clean:
	rm -rf build
endif

include make/test.mk
include make/quality.mk
include make/agents.mk

.PHONY: help deps demo demo-stop
help:
	@sed -n 's/^#   //p' Makefile
	@sed -n 's/^#: //p' make/*.mk

# The Debian packages for building, testing and linting; as root it installs what is missing.
deps:
	@tools/setup build test lint

# The question travels in the environment, unexpanded: any character is safe in it.
ifdef QUESTION
override QUESTION := $(value QUESTION)
export QUESTION
endif

demo:
	@tools/setup build run
	@$(SUBMAKE) all
	@tools/install-if-changed '$(PG_CONFIG)'
	@PG_CONFIG='$(PG_CONFIG)' tools/demo start

demo-stop:
	@PG_CONFIG='$(PG_CONFIG)' tools/demo stop
