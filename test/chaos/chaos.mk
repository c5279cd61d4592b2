# Chaos: faults at random under load, for as long as you say (`make test` has 15 s of it).
#   make chaos SECONDS=120 [SEED=n]
CHAOS_SECONDS := $(if $(filter command environment,$(firstword $(origin SECONDS))),$(SECONDS),120)

.PHONY: chaos
chaos: install-for-test $(MOCK_SERVER)
	@CAPEAI_CHAOS_SECONDS=$(CHAOS_SECONDS) CAPEAI_CHAOS_SEED=$(SEED) TESTS=test/chaos/chaos.t \
	  PG_CONFIG='$(PG_CONFIG)' test/run tap
