# What a reader should not have to check by hand.
#
#: make lint       walls between rooms, bans, SQL habits, versions, format, exported symbols
#: make tidy       clang-tidy over the pure rooms            make format      clang-format in place

CPP_FILES = $(shell find src test bench -name '*.[ch]pp' 2>/dev/null)

.PHONY: lint tidy format
lint:
	@tools/lint

tidy:
	@clang-tidy-14 --quiet $(wildcard $(PURE_ROOMS:%=src/%/*.cpp)) -- $(STANDARD) -DCAPEAI_VERSION='"$(CAPEAI_VERSION)"'

format:
	@clang-format-14 -i $(CPP_FILES)
