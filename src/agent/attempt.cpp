#include "agent/attempt.hpp"

#include <algorithm>
#include <numeric>

#include "agent/confidence.hpp"
#include "agent/failure.hpp"
#include "agent/format.hpp"
#include "agent/reply.hpp"
#include "base/utf8.hpp"
#include "knowledge/extract.hpp"
#include "openai/request.hpp"

namespace capeai {
namespace {

const char* const kRefusal =
    "The documentation does not answer this question, and this agent answers from the documentation only.";
const char* const kFlagUncited = "Note: this answer is not backed by the documentation that was searched.";
const char* const kFlagNothing =
    "Note: nothing in the documentation matches this question; the answer does not come from it.";

// How much of a task each step is, for its progress; in the order of StepKind.
constexpr int kWeights[] = {2, 8, 80, 5, 5};

int ProgressBefore(const Manifest& manifest, size_t steps) {
  int all = 0;
  int done = 0;
  for (size_t i = 0; i < manifest.steps.size(); ++i) {
    const int weight = kWeights[static_cast<size_t>(manifest.steps[i])];
    all += weight;
    if (i < steps) done += weight;
  }
  return done * 100 / all;
}

Json UsageRecord(const Usage& usage) {
  return Json::Object()
      .Set("prompt_tokens", Json::Int(usage.prompt_tokens))
      .Set("completion_tokens", Json::Int(usage.completion_tokens))
      .Set("cached_tokens", Json::Int(usage.cached_tokens))
      .Set("reasoning_tokens", Json::Int(usage.reasoning_tokens))
      .Set("source", Json::String(usage.reported ? "reported" : "estimated"));
}

Json TextArray(const std::vector<std::string>& texts) {
  Json array = Json::Array();
  for (const std::string& text : texts) array.Push(Json::String(text));
  return array;
}

// What a knowledge function is told: the caller's context and, where that has no member of the name, the rest
// of the input.
Json FunctionContext(const Json& input) {
  Json context = input["context"].is_object() ? input["context"].DeepCopy() : Json::Object();
  const char* name;
  json_t* member;
  json_object_foreach(input.get(), name, member) {
    const std::string_view is(name);
    if (is != "query" && is != "context" && !context[name]) context.Set(name, Json::Share(member));
  }
  return context;
}

bool HasResponseMember(const Manifest& manifest) {
  return manifest.output_schema && manifest.output_schema->source()["properties"]["response"];
}

}  // namespace

Attempt::Attempt(Host& host, const Manifest& manifest, TaskInput input)
    : host_(host),
      manifest_(manifest),
      input_(std::move(input)),
      preferred_format_(input_.input["preferred_format"].string_or("text")),
      structured_(manifest.output_schema.has_value()),
      streams_(input_.stream && manifest.unsupported_policy != UnsupportedPolicy::kRefuse &&
               manifest.redact_output.empty()),
      stream_(host, HasResponseMember(manifest), streams_) {
  analysis_.search_query = input_.input["query"].string_or("");
}

bool Attempt::Begin(StepKind kind) {
  if (!manifest_.Has(kind)) return false;
  step_ = StepRecord();
  step_.name = StepName(kind);
  step_.started_at = host_.now();
  host_.Begin(steps_begun_ + 1, step_.name, ProgressBefore(manifest_, static_cast<size_t>(steps_begun_)));
  step_.number = ++steps_begun_;
  step_.input = Json::Object();
  return true;
}

void Attempt::EndStep(Json output) {
  step_.output = std::move(output);
  step_.completed_at = host_.now();
  step_.progress = ProgressBefore(manifest_, static_cast<size_t>(steps_begun_));
  host_.Record(std::move(step_));
}

void Attempt::Analyze() {
  analysis_ = AnalyzeContext(input_.input, input_.history);
  step_.input.Set("query", Json::String(input_.input["query"].string_or("")));
  if (const Json context = input_.input["context"]) step_.input.Set("context", context);
  EndStep(analysis_.output);
}

SearchRequest Attempt::MakeSearch() const { return SearchFor(manifest_, analysis_, input_.input); }

SearchRequest SearchFor(const Manifest& manifest, const Analysis& analysis, const Json& input) {
  SearchRequest request;
  request.collection = manifest.collection;
  request.function = manifest.function;
  request.query = analysis.search_query;
  if (!manifest.function.empty())
    request.context = FunctionContext(input).Dump();
  else if (input["context"].is_object())
    request.context = input["context"].Dump();
  request.max_results = manifest.passages;
  return request;
}

void Attempt::TakePassages(std::vector<Passage> passages) {
  passages_ = std::move(passages);
  if (passages_.size() > static_cast<size_t>(manifest_.passages))
    passages_.resize(static_cast<size_t>(manifest_.passages));
  const bool by_function = !manifest_.function.empty();
  step_.input.Set("query", Json::String(analysis_.search_query))
      .Set(by_function ? "function" : "collection",
           Json::String(by_function ? manifest_.function : manifest_.collection))
      .Set("max_results", Json::Int(manifest_.passages));
  Json found = Json::Array();
  for (const Passage& passage : passages_) {
    found.Push(Json::Object()
                   .Set("document_id", Json::Int(passage.document_id))
                   .Set("passage_id", Json::Int(passage.passage_id))
                   .Set("title", Json::String(passage.title))
                   .Set("url", Json::String(passage.url))
                   .Set("score", Json::Real(passage.score)));
  }
  EndStep(Json::Object().Set("passages", found));
}

bool Attempt::needs_model() const {
  if (input_.model == kExtractiveModel) return false;
  return manifest_.unsupported_policy != UnsupportedPolicy::kRefuse || !passages_.empty();
}

std::optional<Failure> Attempt::AnswerWithoutModel() {
  answer_.model = input_.model;
  step_.input.Set("model", Json::String(input_.model));
  if (input_.model == kExtractiveModel) {
    if (!manifest_.Has(StepKind::kRetrieveKnowledge)) {
      Failure failure;
      failure.error = {sqlstate::kNotInPrerequisiteState,
                       "agent \"" + manifest_.slug + "\" needs a language model", "",
                       "Set capeai.api_key_file, or capeai.base_url for a server that needs no key."};
      failure.code = "not_configured";
      return failure;
    }
    extractive_ = true;
    answer_.model = kExtractiveModel;
    knowledge::ExtractInput extract;
    extract.query = input_.input["query"].string_or(analysis_.search_query);
    extract.searched = analysis_.search_query;
    extract.intent = analysis_.intent;
    extract.preferred_format = preferred_format_;
    extract.user_level = input_.input["user_level"].string_or("beginner");
    for (const Passage& p : passages_)
      extract.passages.push_back({p.title, p.heading, p.text, p.url, p.type, p.score});
    knowledge::ExtractiveAnswer extracted = knowledge::Extract(extract);
    for (const int used : extracted.used_passages) cited_numbers_.push_back(used + 1);
    answer_.suggestions = std::move(extracted.suggestions);
    for (std::string& suggestion : answer_.suggestions) suggestion = manifest_.redact_output.Mask(suggestion);
    own_word_ = extracted.strength;
    AnswerWith(std::move(extracted.response));
  } else {
    refused_ = true;
    AnswerWith(kRefusal);
  }
  answer_.finish_reason = "stop";
  return std::nullopt;
}

void Attempt::AnswerWith(std::string text) {
  auto repaired = utf8::Repair(manifest_.redact_output.Mask(text));
  answer_.response = std::move(repaired.text);
  answer_.lossy |= repaired.lossy;
  if (stream_.text().empty()) stream_.Show(answer_.response);
  answered_ = true;
}

Result<ChatRequest> Attempt::MakeRequest() {
  if (exchanges_++ > 0) {  // a repair; AskForRepair has put the messages together
    stream_.NextExchange();
    return request_;
  }
  prompt_ = BuildPrompt(manifest_, {input_.input, analysis_.intent, std::move(passages_), input_.history});
  passages_ = prompt_.passages;
  request_.model = input_.model;
  request_.messages = prompt_.messages;
  request_.temperature = input_.temperature ? input_.temperature : manifest_.temperature;
  request_.max_tokens = input_.max_tokens ? input_.max_tokens : manifest_.max_tokens;
  request_.stream = streams_;
  if (structured_) {
    request_.response_schema = manifest_.output_schema->source();
    request_.schema_name = manifest_.slug;
  }
  step_.input = RequestRecord();
  Status status = CheckMessages(request_.messages);
  if (!status.ok()) return status.take_error();
  return request_;
}

Json Attempt::RequestRecord() const {
  Json record = Json::Object()
                    .Set("model", Json::String(request_.model))
                    .Set("messages", request_.messages)
                    .Set("dropped_passages", Json::Int(prompt_.dropped_passages))
                    .Set("dropped_turns", Json::Int(prompt_.dropped_turns));
  if (prompt_.cut_context) record.Set("cut_context", Json::Bool(true));
  if (prompt_.cut_passage) record.Set("cut_passage", Json::Bool(true));
  if (request_.temperature) record.Set("temperature", Json::Real(*request_.temperature));
  if (request_.max_tokens) record.Set("max_tokens", Json::Int(*request_.max_tokens));
  return record;
}

void Attempt::AddUsage(const Usage& usage) {
  Usage& sum = answer_.usage;
  sum.reported = usage.reported && (exchanges_ <= 1 || sum.reported);
  sum.prompt_tokens += usage.prompt_tokens;
  sum.completion_tokens += usage.completion_tokens;
  sum.cached_tokens += usage.cached_tokens;
  sum.reasoning_tokens += usage.reasoning_tokens;
}

std::optional<Failure> Attempt::TakeReply(ChatOutcome outcome) {
  if (const auto* error = std::get_if<ChatError>(&outcome)) {
    Failure failure = ChatFailure(*error);
    AddUsage(error->partial.usage);
    failure.raw_text = manifest_.redact_output.Mask(failure.raw_text);
    return failure;
  }
  ChatReply& reply = std::get<ChatReply>(outcome);
  AddUsage(reply.usage);
  reply.text = manifest_.redact_output.MaskReply(reply.text);
  answer_.model = reply.model.empty() ? input_.model : reply.model;
  answer_.finish_reason = reply.finish_reason;
  answer_.lossy |= reply.lossy;
  if (!reply.refusal.empty() && reply.text.empty()) {
    refused_ = true;
    answer_.finish_reason = "refusal";
    AnswerWith(std::move(reply.refusal));
    return std::nullopt;
  }
  stream_.Finish(reply.text);
  return structured_ ? TakeStructured(reply) : TakeText(std::move(reply));
}

std::optional<Failure> Attempt::TakeText(ChatReply reply) {
  const bool blank = reply.text.find_first_not_of(" \t\r\n") == std::string::npos;
  if (!blank) {
    AnswerWith(std::move(reply.text));
    return std::nullopt;
  }
  if (reply.finish_reason == "content_filter")
    return OutputFailure("content_filter", "the provider's content filter withheld the answer", "", false);
  if (reply.finish_reason == "length")
    return OutputFailure("output_truncated", "the model reached its token limit before it wrote any text",
                         "Raise max_tokens.", false);
  if (reply.tool_calls.size() > 0)
    return OutputFailure("invalid_output", "the model called a tool, and this agent has none", "", true);
  return OutputFailure("empty_reply", "the model sent an answer without text", "", true);
}

std::optional<Failure> Attempt::TakeStructured(const ChatReply& reply) {
  ParsedReply parsed = ParseReply(reply.text, *manifest_.output_schema);
  if (!parsed.problems.empty()) {
    if (reply.finish_reason == "length")
      return OutputFailure("output_truncated",
                           "the model reached its token limit in the middle of its answer",
                           "Raise max_tokens, or ask for less.", false);
    if (reply.finish_reason == "content_filter")
      return OutputFailure("content_filter", "the provider's content filter cut the answer off", "", false);
    return AskForRepair(reply, std::move(parsed.problems));
  }
  object_ = std::move(parsed.object);
  ReplyParts parts = TakeParts(object_);
  answer_.suggestions = std::move(parts.suggestions);
  cited_numbers_ = std::move(parts.citations);
  own_word_ = parts.confidence;
  // What a listener has seen stays; a repaired reply brings the rest of the object.
  AnswerWith(stream_.shown() ? stream_.text() : std::move(parts.response));
  return std::nullopt;
}

std::optional<Failure> Attempt::AskForRepair(const ChatReply& reply, std::vector<SchemaProblem> problems) {
  const bool half_shown = stream_.shown() && !stream_.complete();
  if (exchanges_ < 2 && !half_shown) {
    request_.messages = RepairMessages(prompt_.messages, reply.text, problems);
    return std::nullopt;
  }
  const SchemaProblem& first = problems.front();
  Failure failure = OutputFailure(
      "invalid_output", "the model's answer does not have the form that the agent requires", "", true);
  failure.error.detail = first.pointer.empty() ? "The answer: " + first.problem + "."
                                               : "Member " + first.pointer + " " + first.problem + ".";
  return failure;
}

void Attempt::JudgeAnswer() {
  answer_.raw_text = stream_.text();
  Json output = Json::Object()
                    .Set("raw_text", Json::String(answer_.raw_text))
                    .Set("model", Json::String(answer_.model))
                    .Set("finish_reason", Json::String(answer_.finish_reason))
                    .Set("exchanges", Json::Int(exchanges_))
                    .Set("usage", UsageRecord(answer_.usage));
  if (manifest_.Has(StepKind::kRetrieveKnowledge)) {
    if (!refused_)
      citations_ = CheckCitations(cited_numbers_, extractive_ ? "" : answer_.response, passages_.size());
    if (!extractive_) answer_.response = WithoutUnknownMarks(answer_.response, passages_.size());
    answer_.grounded = !citations_.cited.empty();
    answer_.citations = CitationList(passages_, citations_.cited, extractive_);
    answer_.confidence_score =
        refused_ ? 0 : ConfidenceScore(analysis_.search_query, passages_, citations_, own_word_);
    output.Set("citations", answer_.citations)
        .Set("unknown_citations", Json::Int(citations_.unknown))
        .Set("grounded", Json::Bool(*answer_.grounded))
        .Set("confidence_score", Json::Real(*answer_.confidence_score));
    if (!*answer_.grounded && !refused_ && manifest_.unsupported_policy == UnsupportedPolicy::kRefuse) {
      refused_ = true;
      answer_.response = kRefusal;
      answer_.suggestions.clear();
    }
  } else {
    answer_.confidence_score = own_word_;
  }
  output.Set("refused", Json::Bool(refused_));
  EndStep(std::move(output));
}

void Attempt::FindResources() {
  answer_.resources = MatchResources(passages_, citations_.cited);
  step_.input.Set("citations", answer_.citations);
  EndStep(Json::Object().Set("resources", answer_.resources));
}

void Attempt::Format() {
  // A refusal is no list of steps, and an extract has its form already.
  const std::string formatted =
      refused_ || extractive_ ? answer_.response : FormatResponse(answer_.response, preferred_format_);
  step_.input.Set("preferred_format", Json::String(preferred_format_));
  EndStep(Json::Object()
              .Set("changed", Json::Bool(formatted != answer_.response))
              .Set("response", Json::String(formatted)));
  answer_.response = formatted;
}

Json Attempt::OutputData() const {
  Json output = Json::Object();
  const char* name;
  json_t* member;
  json_object_foreach(object_.get(), name, member) output.Set(name, Json::Share(member));
  output.Set("response", Json::String(answer_.response));
  if (structured_ || !answer_.suggestions.empty()) output.Set("suggestions", TextArray(answer_.suggestions));
  if (answer_.resources) output.Set("resources", answer_.resources);
  if (answer_.citations) output.Set("citations", answer_.citations);
  if (answer_.confidence_score) output.Set("confidence_score", Json::Real(*answer_.confidence_score));
  if (answer_.grounded) output.Set("grounded", Json::Bool(*answer_.grounded));
  output.Set("finish_reason", Json::String(answer_.finish_reason));
  if (answer_.refused) output.Set("refused", Json::Bool(true));
  return output;
}

Answer Attempt::Finish() {
  const bool flag = manifest_.unsupported_policy == UnsupportedPolicy::kFlag && answer_.grounded == false &&
                    !refused_ && !extractive_;
  if (flag) answer_.response += std::string("\n\n") + (passages_.empty() ? kFlagNothing : kFlagUncited);
  answer_.refused = refused_ || (extractive_ && answer_.grounded == false);
  answer_.output = OutputData();
  return std::move(answer_);
}

Failure Attempt::Fail(Failure failure) {
  failure.usage = answer_.usage;
  failure.output_started = failure.output_started || stream_.shown();
  if (!stream_.text().empty()) failure.raw_text = stream_.text();
  failure.raw_text = utf8::Repair(failure.raw_text).text;
  step_.succeeded = false;
  step_.error = FailureDetails(failure);
  step_.completed_at = host_.now();
  step_.progress = ProgressBefore(manifest_, static_cast<size_t>(steps_begun_ - 1));
  host_.Record(std::move(step_));
  return failure;
}

}  // namespace capeai
