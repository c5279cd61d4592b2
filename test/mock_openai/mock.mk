# The mock OpenAI server: build/mock_openai. Included by the top-level Makefile.
MOCK_DIR := test/mock_openai
MOCK_SOURCES := $(wildcard $(MOCK_DIR)/*.cpp)
MOCK_OBJECTS := $(patsubst $(MOCK_DIR)/%.cpp,build/mock_openai.d/%.o,$(MOCK_SOURCES))
MOCK_CXX ?= $(shell command -v ccache 2>/dev/null) g++
MOCK_CXXFLAGS ?= -std=c++20 -O2 -g -Wall -Wextra -Wshadow

build/mock_openai: $(MOCK_OBJECTS)
	$(MOCK_CXX) -o $@ $^ -lcjson

build/mock_openai.d/%.o: $(MOCK_DIR)/%.cpp
	@mkdir -p $(@D)
	$(MOCK_CXX) $(MOCK_CXXFLAGS) -MMD -MP -c -o $@ $<

-include $(MOCK_OBJECTS:.o=.d)
