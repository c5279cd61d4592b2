// Reading a manifest: its shape by the published schema, then what a schema
// cannot say. All problems are collected, so that an author mends them at once.
#include <algorithm>
#include <array>

#include "agent/agent.hpp"
#include "agent/prompt.hpp"
#include "agent/strict_schema.hpp"
#include "agent/test_case.hpp"

namespace capeai {
namespace {

constexpr std::array<const char*, 5> kStepNames = {"analyze_context", "retrieve_knowledge",
                                                   "generate_response", "match_resources", "format_response"};

const Schema& ManifestSchema() {
  static const Schema* schema =
      new Schema(std::get<Schema>(Schema::Compile(Json::Parse(ManifestSchemaText()))));
  return *schema;
}

class ManifestReader {
 public:
  explicit ManifestReader(const Json& source) : source_(source) { manifest_.source = source; }

  std::variant<Manifest, std::vector<ManifestProblem>> Run() {
    problems_ = ManifestSchema().Validate(source_, 100);
    for (ManifestProblem& problem : problems_) Explain(problem);
    if (!source_.is_object()) return std::move(problems_);
    ReadNames();
    ReadSteps();
    ReadSchemas();
    ReadModel();
    ReadKnowledge();
    ReadPrompts();
    ReadPolicy();
    (void)ParseTests(source_["tests"], manifest_.input_schema, problems_);
    if (!problems_.empty()) return std::move(problems_);
    return std::move(manifest_);
  }

 private:
  void Problem(const std::string& pointer, std::string what) {
    const bool known = std::any_of(problems_.begin(), problems_.end(),
                                   [&](const ManifestProblem& p) { return p.pointer == pointer; });
    if (!known) problems_.push_back({pointer, std::move(what)});
  }

  // A regular expression is no help to an author.
  static void Explain(ManifestProblem& problem) {
    if (problem.problem.find("pattern") == std::string::npos) return;
    if (problem.pointer == "/version") problem.problem = "must be a semantic version such as 1.0.0";
    if (problem.pointer == "/knowledge/function")
      problem.problem = "must name the schema too, as in app.search";
    if (problem.pointer == "/slug") problem.problem = "must be lower-case letters, digits and inner hyphens";
  }

  void ReadNames() {
    manifest_.slug = source_["slug"].string_or("");
    manifest_.name = source_["name"].string_or("");
    manifest_.version = source_["version"].string_or("");
    manifest_.description = source_["description"].string_or("");
    manifest_.changelog = source_["changelog"].string_or("");
    manifest_.visibility = source_["visibility"].string_or("private");
    manifest_.has_tests = source_["tests"].size() > 0;
    manifest_.status = source_["status"].string_or(manifest_.has_tests ? "draft" : "published");
    const Json capabilities = source_["capabilities"];
    for (size_t i = 0; i < capabilities.size(); ++i)
      manifest_.capabilities.push_back(capabilities[i].string_or(""));
  }

  void ReadSteps() {
    const Json steps = source_["steps"];
    if (!steps.is_array()) return;
    for (size_t i = 0; i < steps.size(); ++i) {
      const std::string name = steps[i].string_or("");
      const auto found = std::find(kStepNames.begin(), kStepNames.end(), name);
      if (found == kStepNames.end()) continue;  // the schema has said so
      const auto kind = static_cast<StepKind>(found - kStepNames.begin());
      const std::string pointer = "/steps/" + std::to_string(i);
      if (manifest_.Has(kind)) {
        Problem(pointer, "step " + name + " is there twice");
      } else if (!manifest_.steps.empty() && kind < manifest_.steps.back()) {
        Problem(pointer, "step " + name + " must come before " + StepName(manifest_.steps.back()));
      } else {
        manifest_.steps.push_back(kind);
      }
    }
    const auto listed = [&](StepKind kind) {
      for (size_t i = 0; i < steps.size(); ++i)
        if (steps[i].string_or("") == StepName(kind)) return true;
      return false;
    };
    if (!listed(StepKind::kGenerateResponse)) Problem("/steps", "must contain generate_response");
    if (listed(StepKind::kMatchResources) && !listed(StepKind::kRetrieveKnowledge))
      Problem("/steps", "match_resources needs retrieve_knowledge");
    retrieves_ = listed(StepKind::kRetrieveKnowledge);
  }

  void ReadSchemas() {
    manifest_.input_schema = ReadSchema("input_schema");
    manifest_.output_schema = ReadSchema("output_schema");
    if (manifest_.input_schema && source_["input_schema"]["type"].string_or("") != "object")
      Problem("/input_schema/type", "must be \"object\"");
    if (retrieves_ && manifest_.input_schema && !source_["input_schema"]["properties"]["query"])
      Problem("/input_schema/properties/query", "is required: it is what retrieve_knowledge searches for");
    if (!manifest_.output_schema) return;
    for (SchemaProblem& problem : StrictSchemaProblems(source_["output_schema"]))
      problems_.push_back({"/output_schema" + problem.pointer, std::move(problem.problem)});
  }

  std::optional<Schema> ReadSchema(const char* name) {
    const Json source = source_[name];
    if (!source.is_object()) return std::nullopt;
    auto compiled = Schema::Compile(source);
    if (auto* schema = std::get_if<Schema>(&compiled)) return std::move(*schema);
    for (SchemaProblem& problem : std::get<1>(compiled))
      problems_.push_back({PointerStep(name) + problem.pointer, std::move(problem.problem)});
    return std::nullopt;
  }

  void ReadModel() {
    const Json model = source_["model"];
    manifest_.model = model["name"].string_or("");
    manifest_.temperature = model["temperature"].number();
    manifest_.max_tokens = model["max_tokens"].integer();
  }

  void ReadKnowledge() {
    const Json knowledge = source_["knowledge"];
    if (!knowledge) {
      if (retrieves_) Problem("/knowledge", "is required, since the steps have retrieve_knowledge");
      return;
    }
    if (!retrieves_) Problem("/knowledge", "is never used, since the steps lack retrieve_knowledge");
    manifest_.collection = knowledge["collection"].string_or("");
    manifest_.function = knowledge["function"].string_or("");
    manifest_.passages = static_cast<int>(knowledge["passages"].integer().value_or(manifest_.passages));
    if (knowledge.is_object() && !knowledge["collection"] == !knowledge["function"])
      Problem("/knowledge", "must have either collection or function");
  }

  void ReadPrompts() {
    manifest_.system_prompt = source_["prompts"]["system"].string_or("");
    manifest_.user_prompt = source_["prompts"]["user"].string_or(manifest_.user_prompt);
    std::vector<std::string> members;
    if (manifest_.input_schema) members = manifest_.input_schema->property_names();
    for (const bool system : {true, false}) {
      const std::string pointer = system ? "/prompts/system" : "/prompts/user";
      const auto fault =
          CheckTemplate(system ? manifest_.system_prompt : manifest_.user_prompt, members, system);
      if (!fault.empty()) Problem(pointer, fault);
    }
    if (retrieves_ && manifest_.user_prompt.find("{{passages}}") == std::string::npos)
      Problem("/prompts/user", "must contain {{passages}}, since the agent retrieves knowledge");
  }

  void ReadPolicy() {
    const std::string policy = source_["unsupported_policy"].string_or("answer");
    if (policy == "flag") manifest_.unsupported_policy = UnsupportedPolicy::kFlag;
    if (policy == "refuse") manifest_.unsupported_policy = UnsupportedPolicy::kRefuse;
    if (policy != "answer" && !retrieves_)
      Problem("/unsupported_policy",
              "needs the step retrieve_knowledge: without it no answer can be checked");
    manifest_.redact_input = Redaction::Read(source_["redaction"]["input"], "/redaction/input", problems_);
    manifest_.redact_output = Redaction::Read(source_["redaction"]["output"], "/redaction/output", problems_);
    manifest_.retry_after_output = source_["retry_after_output"].boolean().value_or(false);
    manifest_.prompt_token_budget =
        static_cast<int>(source_["prompt_token_budget"].integer().value_or(manifest_.prompt_token_budget));
  }

  const Json source_;
  Manifest manifest_;
  std::vector<ManifestProblem> problems_;
  bool retrieves_ = false;
};

}  // namespace

const char* StepName(StepKind kind) { return kStepNames[static_cast<size_t>(kind)]; }

bool Manifest::Has(StepKind step) const { return std::find(steps.begin(), steps.end(), step) != steps.end(); }

std::variant<Manifest, std::vector<ManifestProblem>> ParseManifest(const Json& source) {
  if (!source) return std::vector<ManifestProblem>{{"", "there is no manifest"}};
  return ManifestReader(source.DeepCopy()).Run();
}

}  // namespace capeai
