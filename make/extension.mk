# The extension itself, on top of PGXS: capeai.so and its install script.
#
#: make clean      removes what was built
#: make symbols    the symbols that capeai.so exports

MODULE_big = capeai
EXTENSION = capeai

PG_MAJOR := $(shell $(PG_CONFIG) --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
OBJDIR := build/pg$(PG_MAJOR)
SOURCES := $(sort $(wildcard src/*.cpp src/*/*.cpp))
OBJS := $(SOURCES:src/%.cpp=$(OBJDIR)/%.o)

INSTALL_SQL := build/capeai--$(CAPEAI_VERSION).sql
DATA_built = $(INSTALL_SQL)
DATA = $(wildcard sql/upgrade/capeai--*--*.sql)
EXTRA_CLEAN = build

# Server headers come as system headers: they do not survive our warnings.
# Hidden visibility, because PostgreSQL loads every library into one namespace;
# below PostgreSQL 16 PGDLLEXPORT is empty and would hide even the module magic.
PG_CXXFLAGS = $(STANDARD) $(WARNINGS) -isystem $(shell $(PG_CONFIG) --includedir-server) \
              -fvisibility=hidden -fvisibility-inlines-hidden -DCAPEAI_VERSION='"$(CAPEAI_VERSION)"' $(DEBUG_INFO)
ifeq ($(PG_MAJOR),15)
PG_CXXFLAGS += -DPGDLLEXPORT='__attribute__((visibility("default")))'
endif

# The link step runs the C driver, so libstdc++ is named.
SHLIB_LINK += -Wl,--version-script=make/exports.map -lcurl -ljansson -lre2 -lmd4c -lgumbo -lstdc++

# Bitcode lets PostgreSQL's JIT inline C functions. Ours sit behind guards and
# wait for a network: nothing to gain, and a second compiler to satisfy.
override with_llvm = no

include $(PGXS)

# PGXS compiles beside the sources and tracks no headers; this rule does both better.
$(OBJS): $(OBJDIR)/%.o: src/%.cpp capeai.control
	@mkdir -p $(@D)
	$(call quietly,CXX $<)$(CCACHE) $(CXX) $(CXXFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJS:.o=.d)

# Relink also when the list of objects, the libraries or the PostgreSQL change.
capeai.so: build/link.stamp make/exports.map
build/link.stamp: FORCE
	@mkdir -p build
	@echo '$(PGXS) $(OBJS) $(SHLIB_LINK)' | cmp -s - $@ || echo '$(PGXS) $(OBJS) $(SHLIB_LINK)' > $@

SQL_PARTS := $(sort $(wildcard sql/[0-9][0-9]_*.sql))
# Written anew also when a part is gone.
build/sql.stamp: FORCE
	@mkdir -p build
	@echo '$(SQL_PARTS)' | cmp -s - $@ || echo '$(SQL_PARTS)' > $@
$(INSTALL_SQL): build/sql.stamp tools/join-sql $(SQL_PARTS) agents/shipped.tsv $(wildcard agents/*/manifest.json) capeai.control
	@mkdir -p $(@D)
	$(call quietly,SQL $@)tools/join-sql $(SQL_PARTS) > $@.tmp
	@mv $@.tmp $@

.PHONY: symbols FORCE
symbols: all
	@nm -D --defined-only capeai.so | awk '{ print $$3 }' | LC_ALL=C sort
