// From a draft to what a slug means, and back: the rules of publishing, for
// those who create versions and those who publish them.
#pragma once

#include <optional>
#include <string>

#include "agent/agent.hpp"
#include "pg/session.hpp"
#include "store/agents.hpp"

namespace capeai::api {

// A version's manifest; 55000 if a later library does not take it any more.
Manifest ManifestOf(const Uuid& version_id);

// Raises 42501 for a visibility that only an administrator may give.
void RequireVisibilityRight(const pg::Caller& caller, const Manifest& manifest);

// Raises 22023 unless `version` is higher than every version that was published.
void RequireGrowth(const Uuid& agent_id, const Manifest& manifest);

// Publishes a draft of the agent, which is locked: from now on the slug means it. `test_run` is the run of
// its tests that allows it; an agent with tests and without a run is published by force.
void Publish(const pg::Caller& caller, const Uuid& agent_id, const Uuid& version_id, const Manifest& manifest,
             const std::optional<Uuid>& test_run);

}  // namespace capeai::api
