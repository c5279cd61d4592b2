// The made-up model: see answer.hpp.
#include "answer.hpp"

#include "schema_sample.hpp"

namespace mock {
namespace {

constexpr size_t kEchoBytes = 300;

// `count` tokens of readable filler, about 4 bytes each.
std::string MadeUpText(int64_t count) {
  static constexpr std::string_view kWords[] = {"The ", "task ", "is ",   "now ",  "done ", "and ", "all ",
                                                "its ", "data ", "went ", "into ", "one ",  "row. "};
  std::string out;
  for (size_t i = 0; CountTokens(out.size()) < count; ++i) out += kWords[i % std::size(kWords)];
  return std::string(CutUtf8(out, static_cast<size_t>(count) * 4));
}

std::string PlainText(const cJSON* request, const Prompt& prompt, const Script& script) {
  if (script.text) return *script.text;
  if (script.tokens > 0) return MadeUpText(script.tokens);
  if (script.echo) return prompt.user_text;
  const std::string_view question = QuestionIn(prompt.user_text);
  const PromptPassage passage = FirstPassage(request, question);
  if (passage.number > 0) return passage.sentence + " [" + std::to_string(passage.number) + "]";
  return "You asked: " + std::string(CutUtf8(question, kEchoBytes));
}

// The answer within the wanted schema; a literal text of the script becomes its response.
std::string StructuredText(const cJSON* request, const cJSON* schema, const Prompt& prompt,
                           const Script& script) {
  if (script.text && !script.text->empty() && script.text->front() == '{') return *script.text;
  const std::string_view question = QuestionIn(prompt.user_text);
  const PromptPassage passage = FirstPassage(request, question);
  SampleFacts facts;
  facts.passage = passage.number;
  facts.question = CutUtf8(question, 80);
  const bool scripted = script.text || script.tokens > 0 || script.echo;
  if (passage.number > 0 && !scripted) {
    facts.answer = passage.sentence + " [" + std::to_string(passage.number) + "]";
  } else {
    facts.answer = PlainText(request, prompt, script);
  }
  return SampleOf(schema, facts);
}

std::string BrokenJson(const Script& script, const std::string& good) {
  if (script.bad_json == "syntax") return good.substr(0, good.size() / 2);
  return R"({"unexpected":true,"response":17})";
}

bool CallTool(const cJSON* request, const Prompt& prompt, const Script& script, ModelAnswer& answer) {
  if (script.tool_calls.empty() || prompt.after_tool) return false;
  const cJSON* chosen = nullptr;
  const cJSON* tool;
  cJSON_ArrayForEach(tool, Member(request, "tools")) {
    const cJSON* function = Member(tool, "function");
    if (!chosen || Text(Member(function, "name")) == script.tool_calls) chosen = function;
  }
  ToolCall call;
  call.id = "call_mock_1";
  call.name = chosen ? std::string(Text(Member(chosen, "name"))) : script.tool_calls;
  const cJSON* parameters = Member(chosen, "parameters");
  SampleFacts facts;
  facts.answer = facts.question = CutUtf8(QuestionIn(prompt.user_text), 80);
  call.arguments = parameters ? SampleOf(parameters, facts) : "{}";
  answer.tool_calls.push_back(std::move(call));
  answer.finish_reason = "tool_calls";
  answer.completion_tokens = 16;
  return true;
}

void ApplyLengthLimit(const cJSON* request, const Script& script, ModelAnswer& answer) {
  const cJSON* limit = Member(request, "max_completion_tokens");
  if (!cJSON_IsNumber(limit)) limit = Member(request, "max_tokens");
  if (cJSON_IsNumber(limit) && answer.completion_tokens > static_cast<int64_t>(limit->valuedouble)) {
    answer.text = CutUtf8(answer.text, static_cast<size_t>(limit->valuedouble) * 4);
    answer.finish_reason = "length";
  }
  if (script.finish == "length") answer.text = CutUtf8(answer.text, answer.text.size() / 2);
  if (!script.finish.empty()) answer.finish_reason = script.finish;
  answer.completion_tokens = CountTokens(answer.text.size());
}

}  // namespace

int64_t CountTokens(size_t bytes) { return static_cast<int64_t>((bytes + 3) / 4); }

ModelAnswer MakeAnswer(const cJSON* request, const Prompt& prompt, const Script& script) {
  ModelAnswer answer;
  answer.prompt_tokens = CountTokens(PromptBytes(request));
  if (script.refusal) {
    answer.refusal = "I'm sorry, but I can't assist with that request.";
    answer.completion_tokens = CountTokens(answer.refusal.size());
    return answer;
  }
  if (CallTool(request, prompt, script, answer)) return answer;
  JsonPtr owner;
  if (const cJSON* schema = WantedSchema(request, owner)) {
    answer.text = StructuredText(request, schema, prompt, script);
    if (!script.bad_json.empty()) answer.text = BrokenJson(script, answer.text);
    if (script.wrap) answer.text = "```json\n" + answer.text + "\n```";
  } else {
    answer.text = PlainText(request, prompt, script);
  }
  answer.completion_tokens = CountTokens(answer.text.size());
  ApplyLengthLimit(request, script, answer);
  return answer;
}

}  // namespace mock
