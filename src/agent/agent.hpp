// An agent: its manifest, what a task gives it, what it gives back, and the one
// coroutine that runs it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/host.hpp"
#include "agent/redaction.hpp"
#include "agent/schema.hpp"
#include "base/coroutine.hpp"
#include "base/error.hpp"
#include "base/turn.hpp"

namespace capeai {

enum class StepKind {
  kAnalyzeContext,
  kRetrieveKnowledge,
  kGenerateResponse,
  kMatchResources,
  kFormatResponse
};
const char* StepName(StepKind kind);

enum class UnsupportedPolicy { kAnswer, kFlag, kRefuse };

// What an agent is; agents/README.md documents the JSON.
struct Manifest {
  Json source;       // as given
  std::string slug;  // [a-z0-9]([a-z0-9-]*[a-z0-9])?, at most 63
  std::string name;
  std::string version;  // semver
  std::string description;
  std::string changelog;
  std::vector<std::string> capabilities;
  std::string visibility = "private";  // private, role, public
  std::string status = "published";    // draft, published
  bool has_tests = false;
  std::vector<StepKind> steps;  // subset of all, in their order; has generate_response
  std::optional<Schema> input_schema;
  std::optional<Schema> output_schema;  // fit for OpenAI's strict structured outputs
  std::string model;                    // empty: the caller's capeai.model
  std::optional<double> temperature;
  std::optional<int64_t> max_tokens;
  std::string system_prompt;  // templates; see prompt.hpp for placeholders
  std::string user_prompt = "{{query}}";
  std::string collection;  // knowledge: collection or function
  std::string function;
  int passages = 5;  // 1..50
  UnsupportedPolicy unsupported_policy = UnsupportedPolicy::kAnswer;
  Redaction redact_input;
  Redaction redact_output;  // with it the agent cannot be streamed
  bool retry_after_output = false;
  int prompt_token_budget = 6000;  // for passages and history

  bool Has(StepKind step) const;
};

// A fault in a manifest: where (RFC 6901 pointer) and what.
using ManifestProblem = SchemaProblem;

// Parses and checks a manifest; on failure the problems, all that were found.
std::variant<Manifest, std::vector<ManifestProblem>> ParseManifest(const Json& source);

// The JSON Schema of a manifest, as published in agents/manifest.schema.json. What it cannot say (the order
// of steps, placeholders, ...) ParseManifest checks too.
const char* ManifestSchemaText();

struct TaskInput {
  Json input;                         // validated against the manifest's input_schema
  std::string model;                  // resolved; "capeai-extractive" answers without a model
  std::optional<double> temperature;  // overrides the manifest's
  std::optional<int64_t> max_tokens;
  bool stream = false;
  std::vector<Turn> history;  // earlier turns of the conversation
};

inline constexpr const char* kExtractiveModel = "capeai-extractive";

// Fields of capeai.answer that an agent produces. Everything is valid UTF-8.
struct Answer {
  std::string response;
  std::vector<std::string> suggestions;
  Json resources;                          // array of {title, url, type}
  Json citations;                          // array of {document_id, passage_id, title, url, ...}
  std::optional<double> confidence_score;  // 0..1
  std::optional<bool> grounded;
  bool refused = false;  // by the model, or for want of sources
  std::string finish_reason;
  std::string model;     // what answered
  std::string raw_text;  // the answer's text as the model wrote it: what the deltas add up to
  Json output;           // object for tasks.output_data: response and the rest
  Usage usage;           // of all exchanges of this attempt
  bool lossy = false;
};

// How an attempt ended.
struct Failure {
  Error error;       // sqlstate: CAxxx, 08006, 57014, 22023 ...
  std::string code;  // tasks.error_code: rate_limited, provider_error, timeout, invalid_output, ...
  bool retryable = false;
  bool charge = true;  // counts against max_attempts (a 429 does not)
  bool provider_wide = false;
  std::optional<Duration> retry_after;
  bool output_started = false;
  std::string raw_text;  // partial text
  Usage usage;           // spent so far
};
using Outcome = std::variant<Answer, Failure>;

// Runs one attempt. `host` outlives the coroutine. An empty Task means that there was no memory for its
// frame.
Task<Outcome> RunAgent(Host& host, std::shared_ptr<const Manifest> manifest, TaskInput input);

// The pure first step, also called in the backend by the ask family before it
// searches: intent and the query to search for.
struct Analysis {
  std::string intent = "general";  // how_to, troubleshooting, navigation, learning, general
  std::string search_query;
  Json output;  // what the step records
};
// `input` as in TaskInput; `history` (oldest first) helps with a follow-up that is too short to search for.
Analysis AnalyzeContext(const Json& input, const std::vector<Turn>& history = {});
// What retrieve_knowledge searches for; in the same backend, for the same reason.
SearchRequest SearchFor(const Manifest& manifest, const Analysis& analysis, const Json& input);

}  // namespace capeai
