// Routing and the way of an API request: see service.hpp.
#include "service.hpp"

#include <stdexcept>

#include "request_check.hpp"
#include "responses.hpp"

namespace mock {

Service::Service(const ServiceOptions& options)
    : options_(options), report_(options.kept_requests, options.kept_bodies) {
  std::string problem;
  if (!ApplySettings(options.default_script, default_, problem)) throw std::invalid_argument(problem);
}

Reply Service::Handle(const HttpRequest& request, int64_t now) {
  Reply reply = request.path.substr(0, 7) == "/_mock/" ? HandleControl(request) : HandleApi(request, now);
  if (!request.keep_alive && reply.ending == Ending::kKeepAlive) reply.ending = Ending::kClose;
  return reply;
}

Reply Service::HandleControl(const HttpRequest& request) {
  const std::string_view name = request.path.substr(7);
  const std::string last = QueryValue(request.query, name == "report" ? "last" : "limit");
  const size_t limit = last.empty() ? 100 : static_cast<size_t>(std::strtoul(last.c_str(), nullptr, 10));
  if (request.method == "GET" && name == "report")
    return PlainReply(200, "application/json", report_.Summary(limit));
  if (request.method == "GET" && name == "requests") {
    const bool with_body = QueryValue(request.query, "body") == "1";
    const std::string all = report_.Requests(QueryValue(request.query, "tag"),
                                             last.empty() ? options_.kept_requests : limit, with_body);
    return PlainReply(200, "application/json", all + "\n");
  }
  if (request.method == "POST" && name == "reset") {
    report_.Reset();
    faults_.clear();
    std::string problem;
    default_ = Script();
    ApplySettings(options_.default_script, default_, problem);
    return PlainReply(200, "application/json", "{\"ok\":true}\n");
  }
  if (request.method == "POST" && name == "default") {
    Script script;
    std::string problem;
    std::string_view settings = request.body;
    while (!settings.empty() && settings.back() == '\n') settings.remove_suffix(1);
    if (!ApplySettings(settings, script, problem))
      return ErrorReply({400, problem, "mock_script_error", "", ""});
    default_ = script;
    faults_.clear();
    return PlainReply(200, "application/json", "{\"ok\":true}\n");
  }
  return ErrorReply({404, "The mock has no such page: " + std::string(request.path), "mock_error", "", ""});
}

namespace {

enum class Endpoint { kChat, kEmbeddings, kModels, kNone };

Endpoint EndpointOf(std::string_view path) {
  if (path.substr(0, 3) == "/v1") path.remove_prefix(3);
  if (path == "/chat/completions") return Endpoint::kChat;
  if (path == "/embeddings") return Endpoint::kEmbeddings;
  if (path == "/models") return Endpoint::kModels;
  return Endpoint::kNone;
}

Reply ModelsReply() {
  std::string body = "{\"object\":\"list\",\"data\":[";
  for (const char* model :
       {"mock", "gpt-4o-mini", "gpt-4o", "text-embedding-3-small", "text-embedding-3-large"}) {
    if (body.back() == '}') body += ',';
    body += std::string("{\"id\":\"") + model +
            "\",\"object\":\"model\",\"created\":1721172741,\"owned_by\":\"mock\"}";
  }
  return PlainReply(200, "application/json", body + "]}\n");
}

// What a server without the feature says to a request that uses it.
Check CheckRejected(const cJSON* body, unsigned reject) {
  auto unknown = [](const char* name) {
    return ApiError{400, std::string("Unrecognized request argument supplied: ") + name,
                    "invalid_request_error", "", ""};
  };
  const cJSON* format = Member(body, "response_format");
  const cJSON* temperature = Member(body, "temperature");
  if ((reject & kRejectStreamOptions) && Member(body, "stream_options")) return unknown("stream_options");
  if ((reject & kRejectResponseFormat) && format) return unknown("response_format");
  if ((reject & kRejectJsonSchema) && Text(Member(format, "type")) == "json_schema")
    return ApiError{
        400,
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. "
        "Learn more about supported models at the Structured Outputs guide: "
        "https://platform.openai.com/docs/guides/structured-outputs",
        "invalid_request_error", "response_format", ""};
  if ((reject & kRejectMaxTokens) && Member(body, "max_tokens"))
    return ApiError{400,
                    "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                    "'max_completion_tokens' instead.",
                    "invalid_request_error", "max_tokens", "unsupported_parameter"};
  if ((reject & kRejectTemperature) && temperature && temperature->valuedouble != 1)
    return ApiError{400,
                    "Unsupported value: 'temperature' does not support this value with this model. Only the "
                    "default (1) value is supported.",
                    "invalid_request_error", "temperature", "unsupported_value"};
  return {};
}

}  // namespace

Check Service::CheckTransport(const HttpRequest& request) const {
  const Endpoint endpoint = EndpointOf(request.path);
  const std::string place = std::string(request.method) + " " + std::string(request.path);
  if (endpoint == Endpoint::kNone)
    return ApiError{404, "Invalid URL (" + place + ")", "invalid_request_error", "", ""};
  if (!options_.key.empty())
    if (Check problem = CheckAuthorization(request.Header("authorization"), options_.key)) return problem;
  const std::string_view method = endpoint == Endpoint::kModels ? "GET" : "POST";
  if (request.method != method)
    return ApiError{
        405, "Not allowed to " + std::string(request.method) + " on " + std::string(request.path) + ".",
        "invalid_request_error", "", "method_not_supported"};
  if (endpoint == Endpoint::kModels) return {};
  std::string_view type = request.Header("content-type");
  type = type.substr(0, type.find_first_of("; "));
  if (!EqualsIgnoreCase(type, "application/json"))
    return ApiError{400,
                    "Unsupported content type: '" + std::string(type) +
                        "'. This API method only accepts "
                        "'application/json' requests, but you specified the header 'Content-Type: " +
                        std::string(type) + "'. Please try again with a supported content type.",
                    "invalid_request_error", "", "unsupported_content_type"};
  return {};
}

Check Service::ReadScript(const HttpRequest& request, const std::string& model, const Prompt& prompt,
                          Script& script) {
  script = default_;
  std::string problem;
  const size_t colon = model.find(':');
  const bool scripted_model = colon != std::string::npos && model.compare(0, 4, "mock") == 0;
  const std::string_view from_model =
      scripted_model ? std::string_view(model).substr(colon + 1) : std::string_view();
  const std::string_view from_header = request.Header("x-mock-script");
  for (const std::string_view settings : {from_model, from_header, std::string_view(prompt.script)})
    if (!settings.empty() && !ApplySettings(settings, script, problem))
      return ApiError{400, "mock script: " + problem, "mock_script_error", "", ""};
  if (script.times >= 0 && script.has_fault()) {
    const std::string key =
        prompt.tag.empty() ? model + "\n" + std::string(from_header) + "\n" + prompt.script : prompt.tag;
    if (!SpendFault(key, script.times)) script = script.WithoutFaults();
  }
  return {};
}

bool Service::SpendFault(const std::string& key, int64_t times) {
  int64_t& spent = faults_[key];
  if (spent >= times) return false;
  ++spent;
  return true;
}

Reply Service::Refuse(const ApiError& error, uint64_t number) {
  Reply reply = ErrorReply(error);
  reply.record = number;
  report_.SetStatus(number, error.status, error.message);
  return reply;
}

Reply Service::RunChat(const cJSON* body, const Script& script, int64_t now, const Prompt& prompt,
                       uint64_t number) {
  ChatFacts facts;
  facts.model = Text(Member(body, "model"));
  facts.number = number;
  facts.created = now / 1000000;
  if (const cJSON* n = Member(body, "n"); cJSON_IsNumber(n)) facts.choices = n->valueint;
  facts.include_usage = cJSON_IsTrue(Member(Member(body, "stream_options"), "include_usage"));
  const ModelAnswer answer = MakeAnswer(body, prompt, script);
  return cJSON_IsTrue(Member(body, "stream")) ? ChatStream(answer, facts, script)
                                              : ChatReply(answer, facts, script);
}

Reply Service::HandleApi(const HttpRequest& request, int64_t now) {
  const Endpoint endpoint = EndpointOf(request.path);
  JsonPtr body;
  if (request.method == "POST") body = ParseJson(request.body);
  const bool object = cJSON_IsObject(body.get());
  const std::string model(Text(Member(body.get(), "model")));
  Prompt prompt;
  if (object && endpoint == Endpoint::kChat) prompt = ReadPrompt(body.get());

  RequestRecord record;
  record.arrived = now;
  record.authorized =
      options_.key.empty() || !CheckAuthorization(request.Header("authorization"), options_.key);
  record.stream = cJSON_IsTrue(Member(body.get(), "stream"));
  record.path = request.path;
  record.model = model;
  record.tag = prompt.tag;
  record.idempotency_key = request.Header("idempotency-key");
  record.organization = request.Header("openai-organization");
  record.project = request.Header("openai-project");
  record.user_agent = request.Header("user-agent");
  const uint64_t number = report_.Begin(std::move(record), request.body);

  if (const Check problem = CheckTransport(request)) return Refuse(*problem, number);
  if (endpoint != Endpoint::kModels && !object)
    return Refuse(
        {400,
         "We could not parse the JSON body of your request. (HINT: This likely means you aren't using "
         "your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not "
         "valid JSON.)",
         "invalid_request_error", "", ""},
        number);
  if (endpoint == Endpoint::kChat)
    if (const Check problem = CheckChatRequest(body.get())) return Refuse(*problem, number);
  if (endpoint == Endpoint::kEmbeddings)
    if (const Check problem = CheckEmbeddingRequest(body.get())) return Refuse(*problem, number);
  Script script;
  if (const Check problem = ReadScript(request, model, prompt, script)) return Refuse(*problem, number);
  if (const Check problem = CheckRejected(body.get(), script.reject)) return Refuse(*problem, number);

  Reply reply;
  if (script.hang) {
    reply.ending = Ending::kHang;
  } else if (!script.redirect.empty()) {
    reply = PlainReply(302, "text/plain", "", "location: " + script.redirect + "\r\n");
  } else if (script.status != 0 || !script.body.empty()) {
    reply = FaultReply(script, model);
  } else if (endpoint == Endpoint::kChat) {
    reply = RunChat(body.get(), script, now, prompt, number);
  } else {
    reply = endpoint == Endpoint::kEmbeddings ? EmbeddingReply(body.get(), script) : ModelsReply();
  }
  int64_t latency = script.latency;
  if (script.jitter > 0) latency += std::uniform_int_distribution<int64_t>(0, script.jitter)(random_);
  ShapeReply(reply, script, latency);
  reply.record = number;
  report_.SetStatus(number, reply.status, "");
  return reply;
}

}  // namespace mock
