# How well and how fast search finds: see bench/relevance/run and docs/relevance.md.
#
#   make bench-relevance DIR=folder     nDCG@10 of the collections in folder, beside the
#                                       reference BM25, and of PostgreSQL's manual
#   make bench-search DIR=folder        the same, then speed at 100,000 passages

DIR ?= ../shared/ir
ABLATION := build/bench/ablation
ABLATION_SOURCES := bench/relevance/ablation.cpp \
  $(addprefix src/knowledge/,terms.cpp postings.cpp segment.cpp rank.cpp smooth.cpp weak_words.cpp)

$(ABLATION): $(ABLATION_SOURCES) $(wildcard src/knowledge/*.hpp)
	@mkdir -p $(@D)
	$(CCACHE) g++ $(STANDARD) $(WARNINGS) -O2 -o $@ $(ABLATION_SOURCES)

.PHONY: bench-relevance bench-search
bench-relevance: install-for-test $(ABLATION)
	@PG_CONFIG='$(PG_CONFIG)' bench/relevance/run '$(DIR)'
bench-search: install-for-test $(ABLATION)
	@PG_CONFIG='$(PG_CONFIG)' bench/relevance/run '$(DIR)' --speed
