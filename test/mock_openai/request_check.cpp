// Chat and embedding requests, member by member: see request_check.hpp.
#include "request_check.hpp"

#include <cstring>

#include "rules.hpp"

namespace mock {
namespace {

const std::vector<Rule>& ChatRules() {
  static const std::vector<Rule> kRules = {
      {"model", Kind::kString, false, true},
      {"messages", Kind::kArray, false, true},
      {"stream", Kind::kBoolean, true},
      {"temperature", Kind::kNumber, true, false, 0, 2},
      {"max_tokens", Kind::kInteger, true, false, 1},
      {"max_completion_tokens", Kind::kInteger, true, false, 1},
      {"response_format", Kind::kObject},
      {"stream_options", Kind::kObject, true},
      {"top_p", Kind::kNumber, true, false, 0, 1},
      {"n", Kind::kInteger, true, false, 1, 128},
      {"stop", Kind::kAny, true},
      {"seed", Kind::kInteger, true},
      {"user", Kind::kString},
      {"tools", Kind::kArray},
      {"tool_choice", Kind::kAny},
      {"parallel_tool_calls", Kind::kBoolean},
      {"functions", Kind::kArray},
      {"function_call", Kind::kAny},
      {"frequency_penalty", Kind::kNumber, true, false, -2, 2},
      {"presence_penalty", Kind::kNumber, true, false, -2, 2},
      {"logprobs", Kind::kBoolean, true},
      {"top_logprobs", Kind::kInteger, true, false, 0, 20},
      {"logit_bias", Kind::kObject, true},
      {"metadata", Kind::kObject, true},
      {"store", Kind::kBoolean, true},
      {"service_tier", Kind::kString, true, false, 0, 0, {"auto", "default", "flex", "scale", "priority"}},
      {"reasoning_effort",
       Kind::kString,
       true,
       false,
       0,
       0,
       {"none", "minimal", "low", "medium", "high", "xhigh", "max"}},
      {"verbosity", Kind::kString, true, false, 0, 0, {"low", "medium", "high"}},
      {"modalities", Kind::kArray, true},
      {"audio", Kind::kObject, true},
      {"prediction", Kind::kObject, true},
      {"web_search_options", Kind::kObject},
      {"safety_identifier", Kind::kString, true},
      {"prompt_cache_key", Kind::kString, true},
      {"prompt_cache_retention", Kind::kString, true, false, 0, 0, {"in_memory", "24h"}},
      {"prompt_cache_options", Kind::kObject},
      {"moderation", Kind::kObject, true},
  };
  return kRules;
}

bool IsSet(const cJSON* value) { return value && !cJSON_IsNull(value); }

bool ValidName(std::string_view name) {
  if (name.empty() || name.size() > 64) return false;
  for (const char c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') return false;
  return true;
}

ApiError BadPattern(const std::string& path) {
  return {400,
          "Invalid '" + path +
              "': string does not match pattern. Expected a string that matches the pattern "
              "'^[a-zA-Z0-9_-]+$'.",
          "invalid_request_error", path, "invalid_value"};
}

Check CheckStreamOptions(const cJSON* request) {
  const cJSON* options = Member(request, "stream_options");
  if (!IsSet(options)) return {};
  if (!cJSON_IsTrue(Member(request, "stream")))
    return ApiError{400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                    "invalid_request_error", "stream_options", ""};
  static const std::vector<Rule> kRules = {{"include_usage", Kind::kBoolean},
                                           {"include_obfuscation", Kind::kBoolean}};
  return CheckMembers(options, kRules, "stream_options");
}

bool MentionsJson(const cJSON* messages) {
  const cJSON* message;
  cJSON_ArrayForEach(message, messages) {
    const std::string text = PrintJson(Member(message, "content"));
    if (strcasestr(text.c_str(), "json")) return true;
  }
  return false;
}

Check CheckResponseFormat(const cJSON* request) {
  const cJSON* format = Member(request, "response_format");
  if (!format) return {};
  const std::vector<const char*> types = {"json_object", "json_schema", "text"};
  const std::string_view type = Text(Member(format, "type"));
  static const std::vector<Rule> kPlain = {{"type", Kind::kString, false, true}};
  static const std::vector<Rule> kSchema = {{"type", Kind::kString, false, true},
                                            {"json_schema", Kind::kObject, false, true}};
  if (Check problem = CheckMembers(format, type == "json_schema" ? kSchema : kPlain, "response_format"))
    return problem;
  if (type == "text") return {};
  if (type == "json_object") {
    if (MentionsJson(Member(request, "messages"))) return {};
    return ApiError{400,
                    "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
                    "'json_object'.",
                    "invalid_request_error", "messages", ""};
  }
  if (type != "json_schema") return WrongValue("response_format.type", type, types);

  const cJSON* json_schema = Member(format, "json_schema");
  static const std::vector<Rule> kMembers = {{"name", Kind::kString, false, true},
                                             {"description", Kind::kString},
                                             {"schema", Kind::kObject},
                                             {"strict", Kind::kBoolean, true}};
  const std::string path = "response_format.json_schema";
  if (Check problem = CheckMembers(json_schema, kMembers, path)) return problem;
  if (!ValidName(Text(Member(json_schema, "name")))) return BadPattern(path + ".name");
  const cJSON* schema = Member(json_schema, "schema");
  if (!cJSON_IsTrue(Member(json_schema, "strict"))) return {};
  if (!schema) return MissingMember(path + ".schema");
  return CheckStrictSchema(schema, std::string(Text(Member(json_schema, "name"))));
}

Check CheckTools(const cJSON* request) {
  const cJSON* tools = Member(request, "tools");
  static const std::vector<Rule> kTool = {{"type", Kind::kString, false, true, 0, 0, {"function", "custom"}},
                                          {"function", Kind::kObject},
                                          {"custom", Kind::kObject}};
  static const std::vector<Rule> kFunction = {{"name", Kind::kString, false, true},
                                              {"description", Kind::kString},
                                              {"parameters", Kind::kObject},
                                              {"strict", Kind::kBoolean, true}};
  int index = 0;
  const cJSON* tool;
  cJSON_ArrayForEach(tool, tools) {
    const std::string path = "tools[" + std::to_string(index++) + "]";
    if (!cJSON_IsObject(tool)) return WrongType(path, "an object", tool);
    if (Check problem = CheckMembers(tool, kTool, path)) return problem;
    const cJSON* function = Member(tool, "function");
    if (Text(Member(tool, "type")) == "custom") continue;
    if (!function) return MissingMember(path + ".function");
    if (Check problem = CheckMembers(function, kFunction, path + ".function")) return problem;
    if (!ValidName(Text(Member(function, "name")))) return BadPattern(path + ".function.name");
  }
  if (Member(request, "tool_choice") && !tools)
    return ApiError{
        400, "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        "invalid_request_error", "tool_choice", ""};
  return {};
}

Check CheckStop(const cJSON* request) {
  const cJSON* stop = Member(request, "stop");
  if (!IsSet(stop) || cJSON_IsString(stop)) return {};
  const int count = cJSON_GetArraySize(stop);
  if (!cJSON_IsArray(stop)) return WrongType("stop", "a string or an array of strings", stop);
  if (count < 1 || count > 4)
    return ApiError{400, "Invalid 'stop': array of wrong length. Expected 1 to 4 elements.",
                    "invalid_request_error", "stop", "array_above_max_length"};
  const cJSON* item;
  cJSON_ArrayForEach(item, stop) if (!cJSON_IsString(item)) return WrongType("stop[0]", "a string", item);
  return {};
}

Check CheckMaps(const cJSON* request) {
  const cJSON* item;
  cJSON_ArrayForEach(item, Member(request, "metadata")) if (!cJSON_IsString(item)) return WrongType(
      JoinPath("metadata", item->string), "a string", item);
  cJSON_ArrayForEach(item, Member(request, "logit_bias")) if (!cJSON_IsNumber(item)) return WrongType(
      JoinPath("logit_bias", item->string), "an integer", item);
  return {};
}

}  // namespace

Check CheckChatRequest(const cJSON* request) {
  if (Check problem = CheckMembers(request, ChatRules(), "")) return problem;
  if (Check problem = CheckMessages(Member(request, "messages"))) return problem;
  if (IsSet(Member(request, "max_tokens")) && IsSet(Member(request, "max_completion_tokens")))
    return ApiError{400,
                    "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
                    "invalid_request_error", "max_tokens", "invalid_parameter_combination"};
  if (Text(Member(request, "model")).empty())
    return ApiError{400, "you must provide a model parameter", "invalid_request_error", "", ""};
  if (Check problem = CheckStreamOptions(request)) return problem;
  if (Check problem = CheckResponseFormat(request)) return problem;
  if (Check problem = CheckTools(request)) return problem;
  if (Check problem = CheckMaps(request)) return problem;
  return CheckStop(request);
}

Check CheckEmbeddingRequest(const cJSON* request) {
  static const std::vector<Rule> kRules = {
      {"model", Kind::kString, false, true},
      {"input", Kind::kAny, false, true},
      {"encoding_format", Kind::kString, false, false, 0, 0, {"float", "base64"}},
      {"dimensions", Kind::kInteger, false, false, 1, 3072},
      {"user", Kind::kString},
  };
  if (Check problem = CheckMembers(request, kRules, "")) return problem;
  const cJSON* input = Member(request, "input");
  const ApiError invalid{400,
                         "'$.input' is invalid. Please check the API reference: "
                         "https://platform.openai.com/docs/api-reference.",
                         "invalid_request_error", "", ""};
  if (cJSON_IsString(input)) return Text(input).empty() ? Check(invalid) : Check();
  const int count = cJSON_GetArraySize(input);
  if (!cJSON_IsArray(input) || count == 0) return invalid;
  if (count > 2048)
    return ApiError{400,
                    "Invalid 'input': array too long. Expected an array with maximum length 2048, but got an "
                    "array with length " +
                        std::to_string(count) + " instead.",
                    "invalid_request_error", "input", "array_above_max_length"};
  const int type = input->child->type & 0xFF;
  const cJSON* item;
  cJSON_ArrayForEach(item, input) {
    if ((item->type & 0xFF) != type) return invalid;
    if (cJSON_IsString(item)  ? Text(item).empty()
        : cJSON_IsArray(item) ? !item->child
                              : !cJSON_IsNumber(item))
      return invalid;
  }
  return {};
}

Check CheckAuthorization(std::string_view value, std::string_view key) {
  if (value.empty())
    return ApiError{
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using "
        "Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from "
        "https://platform.openai.com/account/api-keys.",
        "invalid_request_error", "", ""};
  const bool bearer = value.substr(0, 7) == "Bearer ";
  const std::string given(bearer ? value.substr(7) : value);
  if (bearer && given == key) return {};
  std::string shown = given;  // short keys come back whole, long ones with a masked middle
  if (given.size() > 12)
    shown = given.substr(0, 8) + std::string(given.size() - 12, '*') + given.substr(given.size() - 4);
  return ApiError{401,
                  "Incorrect API key provided: " + shown +
                      ". You can find your API key at https://platform.openai.com/account/api-keys.",
                  "invalid_request_error", "", "invalid_api_key"};
}

}  // namespace mock
