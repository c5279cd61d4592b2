# Benchmarks: capeai against what a user would run instead. See bench/README.md.
#
#   make bench                       every work, on an otherwise idle machine
#   make bench WORK=throughput ROUNDS=5        QUICK=1: small sizes, to try the harness
#   make bench-docs                  docs/benchmarks.md from what was measured last
WORK ?=
ROUNDS ?=

BENCH_CXX := $(CCACHE) g++ $(STANDARD) $(WARNINGS) -O2 -g
BENCH_PROGRAMS := build/bench/curl_loop build/bench/probe build/bench/net_load

build/bench/curl_loop: bench/curl_loop.cpp
	@mkdir -p $(@D)
	$(call quietly,CXX $@)$(BENCH_CXX) -o $@ $< -lcurl
build/bench/probe: bench/probe.cpp
	@mkdir -p $(@D)
	$(call quietly,CXX $@)$(BENCH_CXX) -isystem $(shell $(PG_CONFIG) --includedir) -o $@ $< -lpq
build/bench/net_load: bench/net_load.cpp $(wildcard src/net/*.cpp src/base/*.cpp src/net/*.hpp src/base/*.hpp)
	@mkdir -p $(@D)
	$(call quietly,CXX $@)$(BENCH_CXX) -o $@ $(filter %.cpp,$^) -lcurl

.PHONY: bench bench-programs bench-docs
bench-programs: $(BENCH_PROGRAMS)
bench: install-for-test $(MOCK_SERVER) $(BENCH_PROGRAMS)
	@tools/setup bench
	@PG_CONFIG='$(PG_CONFIG)' bench/run $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS)) $(WORK)

bench-docs:
	@node bench/render.mjs
