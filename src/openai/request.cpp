#include "openai/request.hpp"

#include <algorithm>
#include <array>

#include "openai/structured.hpp"

namespace capeai {
namespace {

// What JSON a member of the request may hold.
enum class Shape { kAny, kString, kBool, kInteger, kNumber, kArray, kObject };

struct Member {
  std::string_view name;
  Shape shape;
  double least = 0;  // of numbers, if most > least
  double most = 0;
};

// The members of CreateChatCompletionRequest that a caller may set, as OpenAI's
// published schema names them.
constexpr Member kOptions[] = {
    {"audio", Shape::kObject},
    {"frequency_penalty", Shape::kNumber, -2, 2},
    {"function_call", Shape::kAny},
    {"functions", Shape::kArray},
    {"logit_bias", Shape::kObject},
    {"logprobs", Shape::kBool},
    {"max_completion_tokens", Shape::kInteger, 1, 1e9},
    {"max_tokens", Shape::kInteger, 1, 1e9},
    {"metadata", Shape::kObject},
    {"modalities", Shape::kArray},
    {"moderation", Shape::kObject},
    {"parallel_tool_calls", Shape::kBool},
    {"prediction", Shape::kObject},
    {"presence_penalty", Shape::kNumber, -2, 2},
    {"prompt_cache_key", Shape::kString},
    {"prompt_cache_options", Shape::kObject},
    {"prompt_cache_retention", Shape::kString},
    {"reasoning_effort", Shape::kString},
    {"response_format", Shape::kObject},
    {"safety_identifier", Shape::kString},
    {"seed", Shape::kInteger},
    {"service_tier", Shape::kString},
    {"stop", Shape::kAny},
    {"store", Shape::kBool},
    {"temperature", Shape::kNumber, 0, 2},
    {"tool_choice", Shape::kAny},
    {"tools", Shape::kArray},
    {"top_logprobs", Shape::kInteger, 0, 20},
    {"top_p", Shape::kNumber, 0, 1},
    {"user", Shape::kString},
    {"verbosity", Shape::kString},
    {"web_search_options", Shape::kObject},
};

constexpr std::array<std::string_view, 5> kOwned = {"model", "messages", "stream", "stream_options", "n"};

// Options that BuildChatBody writes itself, by the profile.
constexpr std::array<std::string_view, 4> kMapped = {"temperature", "max_tokens", "max_completion_tokens",
                                                     "response_format"};

template <class Names>
bool Holds(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

const char* ShapeName(Shape shape) {
  switch (shape) {
    case Shape::kString:
      return "a string";
    case Shape::kBool:
      return "true or false";
    case Shape::kInteger:
      return "an integer";
    case Shape::kNumber:
      return "a number";
    case Shape::kArray:
      return "an array";
    case Shape::kObject:
      return "an object";
    case Shape::kAny:
      break;
  }
  return "a value";
}

bool HasShape(const Json& value, Shape shape) {
  switch (shape) {
    case Shape::kString:
      return value.is_string();
    case Shape::kBool:
      return value.is_bool();
    case Shape::kInteger:
      return value.is_integer();
    case Shape::kNumber:
      return value.is_number();
    case Shape::kArray:
      return value.is_array();
    case Shape::kObject:
      return value.is_object();
    case Shape::kAny:
      return true;
  }
  return false;
}

Error Invalid(std::string message, std::string detail = "", std::string hint = "") {
  return Error{sqlstate::kInvalidParameter, std::move(message), std::move(detail), std::move(hint)};
}

Status CheckOption(const std::string& name, const Json& value) {
  if (Holds(kOwned, name))
    return Invalid("option \"" + name + "\" cannot be set", "It is set from the other arguments.");
  const auto* member = std::find_if(std::begin(kOptions), std::end(kOptions),
                                    [&](const Member& known) { return known.name == name; });
  if (member == std::end(kOptions))
    return Invalid("unknown option \"" + name + "\"", "",
                   "Options are the members of OpenAI's chat completion request.");
  if (!HasShape(value, member->shape))
    return Invalid("option \"" + name + "\" must be " + ShapeName(member->shape));
  const double number = value.number().value_or(member->least);
  if (member->most > member->least && (number < member->least || number > member->most))
    return Invalid("option \"" + name + "\" is out of range", "It must be between " +
                                                                  Json::Real(member->least).Dump() + " and " +
                                                                  Json::Real(member->most).Dump() + ".");
  return Ok();
}

Status CheckMessage(const Json& message, size_t index) {
  static constexpr std::array<std::string_view, 6> kRoles = {"developer", "system", "user",
                                                             "assistant", "tool",   "function"};
  static constexpr std::array<std::string_view, 8> kMembers = {
      "role", "content", "name", "refusal", "audio", "tool_calls", "function_call", "tool_call_id"};
  const std::string where = "message " + std::to_string(index + 1);
  if (!message.is_object()) return Invalid(where + " is not an object");
  const char* name;
  json_t* value;
  json_object_foreach(message.get(), name, value) {
    if (!Holds(kMembers, std::string_view(name)))
      return Invalid(where + " has the unknown member \"" + std::string(name) + "\"");
  }
  const std::string role = message["role"].string_or("");
  if (!Holds(kRoles, role))
    return Invalid(where + " has no valid role", "",
                   "Roles are system, developer, user, assistant and tool.");
  const Json content = message["content"];
  const bool empty = !content || content.is_null();
  const bool calls = message["tool_calls"].is_array() || message["function_call"].is_object();
  if (empty && role == "assistant" && (calls || message["refusal"].is_string())) return Ok();
  if (empty && role == "function") return Ok();
  if (!content.is_string() && !(content.is_array() && content.size() > 0))
    return Invalid(where + " has no content", "", "Content is a string or an array of content parts.");
  if (role == "tool" && !message["tool_call_id"].is_string())
    return Invalid(where + " has no tool_call_id", "A message of role tool answers a tool call.");
  return Ok();
}

// The caller's options except those that are mapped, then what is ours.
void AddOptions(const Json& options, Json& body) {
  const char* name;
  json_t* value;
  json_object_foreach(options.get(), name, value) {
    if (!Holds(kMapped, std::string_view(name)) && !Holds(kOwned, std::string_view(name)))
      body.Set(name, Json::Share(value));
  }
}

void AddLimits(const ChatRequest& request, const Profile& profile, Json& body) {
  auto max_tokens = request.max_tokens;
  if (!max_tokens) max_tokens = request.options["max_completion_tokens"].integer();
  if (!max_tokens) max_tokens = request.options["max_tokens"].integer();
  if (max_tokens)
    body.Set(profile.max_completion_tokens ? "max_completion_tokens" : "max_tokens", Json::Int(*max_tokens));
  auto temperature = request.temperature;
  if (!temperature) temperature = request.options["temperature"].number();
  if (temperature && profile.temperature) body.Set("temperature", Json::Real(*temperature));
}

// The format that the caller's options ask for is taken down the same ladder as
// a schema of ours.
void AddFormat(const ChatRequest& request, const Profile& profile, Json& body) {
  using Structured = Profile::Structured;
  const Json given = request.options["response_format"];
  Json schema = request.response_schema;
  if (!schema && given["type"].string_or("") == "json_schema") schema = given["json_schema"]["schema"];
  const bool wants_json = schema || given["type"].string_or("") == "json_object";
  if (!wants_json) {
    if (given) body.Set("response_format", given);
    return;
  }
  if (schema && profile.structured == Structured::kJsonSchema) {
    body.Set("response_format", request.response_schema ? SchemaFormat(schema, request.schema_name) : given);
    return;
  }
  if (profile.structured != Structured::kPromptOnly)
    body.Set("response_format", Json::Object().Set("type", Json::String("json_object")));
  if (schema) body.Set("messages", WithSchemaInstruction(request.messages, schema));
}

bool IsClean(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](unsigned char c) { return c < ' ' || c == 0x7F; });
}

void AddHeader(Headers& headers, const char* name, std::string value) {
  if (!value.empty() && IsClean(value)) headers.emplace_back(name, std::move(value));
}

}  // namespace

Status CheckOptions(const Json& options) {
  if (!options) return Ok();
  if (!options.is_object()) return Invalid("options must be a JSON object");
  const char* name;
  json_t* value;
  json_object_foreach(options.get(), name, value) {
    if (Status status = CheckOption(name, Json::Share(value)); !status) return status;
  }
  return Ok();
}

Status CheckMessages(const Json& messages) {
  if (!messages.is_array() || messages.size() == 0)
    return Invalid("messages must be a JSON array of at least one message", "",
                   "For example: [{\"role\": \"user\", \"content\": \"Hello\"}]");
  for (size_t i = 0; i < messages.size(); ++i)
    if (Status status = CheckMessage(messages[i], i); !status) return status;
  return Ok();
}

std::string BuildChatBody(const ChatRequest& request, const Profile& profile) {
  Json body = Json::Object();
  body.Set("model", Json::String(request.model)).Set("messages", request.messages);
  AddOptions(request.options, body);
  AddLimits(request, profile, body);
  AddFormat(request, profile, body);
  if (request.stream) {
    body.Set("stream", Json::Bool(true));
    if (profile.include_usage)
      body.Set("stream_options", Json::Object().Set("include_usage", Json::Bool(true)));
  }
  return body.Dump();
}

std::string BuildEmbeddingsBody(std::string_view model, const std::vector<std::string>& inputs,
                                EmbeddingFormat format) {
  Json input = Json::Array();
  for (const std::string& text : inputs) input.Push(Json::String(text));
  Json body = Json::Object();
  body.Set("model", Json::String(model)).Set("input", input);
  body.Set("encoding_format", Json::String(format == EmbeddingFormat::kBase64 ? "base64" : "float"));
  return body.Dump();
}

Headers BuildHeaders(const Credentials& credentials, bool stream, std::string_view idempotency_key) {
  Headers headers;
  headers.reserve(6);
  headers.emplace_back("Content-Type", "application/json");
  headers.emplace_back("Accept", stream ? "text/event-stream" : "application/json");
  if (!credentials.api_key.empty()) AddHeader(headers, "Authorization", "Bearer " + credentials.api_key);
  AddHeader(headers, "OpenAI-Organization", credentials.organization);
  AddHeader(headers, "OpenAI-Project", credentials.project);
  AddHeader(headers, "Idempotency-Key", std::string(idempotency_key));
  return headers;
}

}  // namespace capeai
