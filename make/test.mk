# Tests. `make test` does everything from nothing; the pieces can be run alone.
#
#: make unit       pure unit tests under ASan and UBSan (ROOM=base for one room)
#: make regress    pg_regress against a private server      make isolation   the same, isolation specs
#: make tap        TAP tests (TESTS=test/tap/x.t for some)  make test-long   also the long ones
#: make threads    the HTTP client under ThreadSanitizer
#: make chaos      faults under load (SECONDS=120 SEED=)   make fuzz        SECONDS=60 for each fuzzer
#: make bench      benchmarks                               make bench-relevance DIR=folder with a collection

# --- unit: one program for each pure room, linked with only the rooms it may
# include, so that a hole in a wall is also a link error. Not optimized: with the
# sanitizers that would treble the time to compile.
PURE_ROOMS := base openai policy knowledge agent net
USES_base :=
USES_openai := base
USES_policy := base
USES_knowledge := base
USES_agent := openai knowledge policy base
USES_net := base

UNIT_CXX := $(CCACHE) g++
UNIT_FLAGS := $(STANDARD) $(WARNINGS) -Itest/unit -O0 $(DEBUG_INFO) -fno-omit-frame-pointer \
              -fsanitize=address,undefined -fno-sanitize-recover=all -DCAPEAI_VERSION='"$(CAPEAI_VERSION)"'
UNIT_LIBS := -Wl,--as-needed -lgtest_main -lgtest -lcurl -ljansson -lre2 -lmd4c -lgumbo -pthread

room_objects = $(patsubst src/%.cpp,build/unit/obj/%.o,$(wildcard src/$(1)/*.cpp))
test_objects = $(patsubst test/unit/%.cpp,build/unit/obj/test/%.o,$(wildcard test/unit/$(1)_*_test.cpp))

ROOM ?= $(PURE_ROOMS)
UNIT_ROOMS := $(foreach room,$(ROOM),$(if $(call test_objects,$(room)),$(room)))
UNIT_PROGRAMS := $(UNIT_ROOMS:%=build/unit/%_test)

# Archives, so that a test takes only what it needs of the rooms below.
define ROOM_RULE
build/unit/$(1).a: $(call room_objects,$(1))
	@mkdir -p $$(@D) && rm -f $$@ && ar rcs $$@ $$^
build/unit/$(1)_test: $(call test_objects,$(1)) $(foreach used,$(1) $(USES_$(1)),build/unit/$(used).a)
	$$(call quietly,LINK $$@)$$(UNIT_CXX) $$(UNIT_FLAGS) -o $$@ $$^ $$(UNIT_LIBS)
endef
$(foreach room,$(PURE_ROOMS),$(eval $(call ROOM_RULE,$(room))))

build/unit/obj/test/%.o: test/unit/%.cpp
	@mkdir -p $(@D)
	$(call quietly,CXX $< (sanitized))$(UNIT_CXX) $(UNIT_FLAGS) -MMD -MP -c -o $@ $<

build/unit/obj/%.o: src/%.cpp
	@mkdir -p $(@D)
	$(call quietly,CXX $< (sanitized))$(UNIT_CXX) $(UNIT_FLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard build/unit/obj/*/*.d)

# --- the one place with a second thread (net/background.hpp), under ThreadSanitizer, which knows the
# standard library's mutexes and atomics.
TSAN_CXX := $(CCACHE) g++ $(STANDARD) $(WARNINGS) -Itest/unit -O1 $(DEBUG_INFO) -fsanitize=thread
TSAN_OBJECTS := $(patsubst src/%.cpp,build/tsan/%.o,$(wildcard src/net/*.cpp src/base/*.cpp)) \
                build/tsan/test/net_background_test.o build/tsan/test/net_flow_test.o

build/tsan/test/%.o: test/unit/%.cpp
	@mkdir -p $(@D)
	$(call quietly,CXX $< (threads))$(TSAN_CXX) -MMD -MP -c -o $@ $<
build/tsan/%.o: src/%.cpp
	@mkdir -p $(@D)
	$(call quietly,CXX $< (threads))$(TSAN_CXX) -MMD -MP -c -o $@ $<
build/tsan/net_test: $(TSAN_OBJECTS)
	$(call quietly,LINK $@)$(TSAN_CXX) -o $@ $^ $(UNIT_LIBS)
-include $(TSAN_OBJECTS:.o=.d)

.PHONY: threads
threads: build/tsan/net_test
	@$< --gtest_brief=1

# --- the mock OpenAI server says itself how it is built
-include test/mock_openai/mock.mk
MOCK_SERVER := $(if $(wildcard test/mock_openai/mock.mk),build/mock_openai)

# --- faults that TAP tests put into servers by LD_PRELOAD
PRELOADS := $(patsubst test/tap/preload/%.c,build/%.so,$(wildcard test/tap/preload/*.c))
build/%.so: test/tap/preload/%.c
	@mkdir -p $(@D)
	$(call quietly,CC $<)$(CCACHE) gcc -Wall -Wextra -O1 -g -fPIC -shared -o $@ $< -ldl

# --- running
RUN_TESTS = PG_CONFIG='$(PG_CONFIG)' TESTS='$(TESTS)' test/run

.PHONY: test test-long test-programs install-for-test unit regress isolation tap
test:
	@tools/setup build test
	@$(SUBMAKE) all test-programs
	@tools/install-if-changed '$(PG_CONFIG)'
	@$(RUN_TESTS) unit regress isolation tap

test-long: export CAPEAI_TEST_LONG = 1
test-long: test threads

test-programs: $(UNIT_PROGRAMS) $(MOCK_SERVER) $(PRELOADS)

install-for-test: all
	@tools/install-if-changed '$(PG_CONFIG)'

unit: $(UNIT_PROGRAMS)
	@UNIT_ROOMS='$(UNIT_ROOMS)' $(RUN_TESTS) unit
regress isolation: install-for-test
	@$(RUN_TESTS) $@
tap: install-for-test $(MOCK_SERVER) $(PRELOADS)
	@$(RUN_TESTS) $@

# --- fuzzing: clang's libFuzzer over the same pure rooms, one program per test/fuzz/*.cpp.
# What it finds to be new goes under build/; the corpus in the source stays as it is.
SECONDS ?= 60
FUZZERS := $(patsubst test/fuzz/%.cpp,build/fuzz/%,$(wildcard test/fuzz/*.cpp))
FUZZ_CXX := $(CCACHE) clang++-14
FUZZ_FLAGS := $(STANDARD) -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_OBJECTS := $(patsubst src/%.cpp,build/fuzz/obj/%.o,$(foreach room,base openai,$(wildcard src/$(room)/*.cpp)))

.PHONY: fuzz
build/fuzz/obj/%.o: src/%.cpp
	@mkdir -p $(@D)
	$(call quietly,CXX $< (fuzzed))$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
build/fuzz/%: test/fuzz/%.cpp $(FUZZ_OBJECTS)
	$(call quietly,LINK $@)$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ -Wl,--as-needed -ljansson -lre2
fuzz: $(FUZZERS)
	@set -e; for fuzzer in $(FUZZERS); do \
	  name=$${fuzzer##*/}; mkdir -p build/fuzz/corpus/$$name test/fuzz/corpus/$$name; \
	  echo "$$name: $(SECONDS) s"; \
	  $$fuzzer -max_total_time=$(SECONDS) -print_final_stats=1 -artifact_prefix=build/fuzz/ \
	    build/fuzz/corpus/$$name test/fuzz/corpus/$$name > build/fuzz/$$name.log 2>&1 \
	    || { tail -n 40 build/fuzz/$$name.log; exit 1; }; \
	  grep -E '^stat::(number|average)' build/fuzz/$$name.log; \
	done
-include $(FUZZ_OBJECTS:.o=.d)

# --- benchmarks and chaos have their own folders and rules
-include bench/bench.mk bench/relevance/relevance.mk
-include test/chaos/chaos.mk
