#include "agent/test_case.hpp"

#include <re2/re2.h>

#include <set>

namespace capeai {
namespace {

std::vector<std::string> Texts(const Json& value) {
  if (value.is_string()) return {*value.string()};
  std::vector<std::string> texts;
  for (size_t i = 0; value.is_array() && i < value.size(); ++i) texts.push_back(value[i].string_or(""));
  return texts;
}

RE2::Options PatternOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  return options;
}

class CaseReader {
 public:
  CaseReader(const std::string& pointer, std::vector<ManifestProblem>& problems)
      : pointer_(pointer), problems_(problems) {}

  TestCase Read(const Json& source, const std::optional<Schema>& input_schema) {
    TestCase test;
    test.name = source["name"].string_or("");
    test.input = source["input"];
    if (input_schema && test.input.is_object())
      for (SchemaProblem& problem : input_schema->Validate(test.input, 5))
        problems_.push_back({pointer_ + "/input" + problem.pointer, std::move(problem.problem)});
    if (source["expect"].is_object()) test.expect = ReadExpectation(source["expect"]);
    return test;
  }

 private:
  Expectation ReadExpectation(const Json& source) {
    Expectation expect;
    expect.equals = source["equals"].string();
    expect.contains = Texts(source["contains"]);
    expect.not_contains = Texts(source["not_contains"]);
    expect.regex = Texts(source["regex"]);
    for (const std::string& pattern : expect.regex)
      if (const RE2 compiled(pattern, PatternOptions()); !compiled.ok())
        problems_.push_back(
            {pointer_ + "/expect/regex", "is no regular expression of RE2: " + compiled.error()});
    if (const Json schema = source["json_schema"]; schema.is_object()) {
      auto compiled = Schema::Compile(schema);
      if (auto* good = std::get_if<Schema>(&compiled)) expect.json_schema = std::move(*good);
      if (auto* faults = std::get_if<1>(&compiled))
        for (SchemaProblem& fault : *faults)
          problems_.push_back({pointer_ + "/expect/json_schema" + fault.pointer, std::move(fault.problem)});
    }
    expect.cites = Texts(source["cites"]);
    expect.grounded = source["grounded"].boolean();
    const Json between = source["confidence_between"];
    if (between.size() == 2)
      expect.confidence_between = {between[size_t{0}].number().value_or(0),
                                   between[size_t{1}].number().value_or(1)};
    expect.format = source["format"].string_or("");
    expect.refuses = source["refuses"].boolean();
    return expect;
  }

  const std::string pointer_;
  std::vector<ManifestProblem>& problems_;
};

std::string Trimmed(const std::string& text) {
  const char* const blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string Address(const std::string& url) { return url.substr(0, url.find_first_of("#?")); }

bool HasLine(const std::string& text, const char* pattern) {
  return RE2::PartialMatch(text, RE2("(?m)" + std::string(pattern), PatternOptions()));
}

// What FormatResponse makes of each format.
bool HasFormat(const std::string& text, const std::string& format) {
  if (format == "steps") return HasLine(text, "^ {0,3}1[.)] ");
  if (format == "checklist") return HasLine(text, "^ {0,3}- \\[[ x]\\] ");
  if (format == "code") return HasLine(text, "^ {0,3}```");
  return !HasLine(text, "^ {0,3}- \\[[ x]\\] ") && text.rfind("```", 0) != 0;
}

// A text for a message: its beginning.
std::string Quoted(const std::string& text) {
  constexpr size_t kShown = 120;
  std::string shown = Trimmed(text);
  if (shown.size() > kShown) {
    size_t end = kShown;
    while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xc0) == 0x80) --end;
    shown = shown.substr(0, end) + "...";
  }
  return "\"" + shown + "\"";
}

std::string Fixed(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.2f", value);
  return text;
}

const char* Is(bool yes) { return yes ? "is" : "is not"; }

}  // namespace

std::vector<TestCase> ParseTests(const Json& tests, const std::optional<Schema>& input_schema,
                                 std::vector<ManifestProblem>& problems) {
  std::vector<TestCase> cases;
  std::set<std::string> names;
  for (size_t i = 0; tests.is_array() && i < tests.size(); ++i) {
    const std::string pointer = "/tests/" + std::to_string(i);
    cases.push_back(CaseReader(pointer, problems).Read(tests[i], input_schema));
    if (!names.insert(cases.back().name).second)
      problems.push_back({pointer + "/name", "another case has this name"});
  }
  return cases;
}

std::vector<std::string> Shortcomings(const Expectation& expect, const Answer& answer) {
  std::vector<std::string> out;
  const std::string& response = answer.response;
  const auto has = [&](const std::string& text) { return response.find(text) != std::string::npos; };
  if (expect.equals && Trimmed(response) != Trimmed(*expect.equals))
    out.push_back("equals: the response is " + Quoted(response));
  for (const std::string& text : expect.contains)
    if (!has(text)) out.push_back("contains: " + Quoted(text) + " is missing");
  for (const std::string& text : expect.not_contains)
    if (has(text)) out.push_back("not_contains: " + Quoted(text) + " is there");
  for (const std::string& pattern : expect.regex)
    if (!RE2::PartialMatch(response, RE2(pattern, PatternOptions())))
      out.push_back("regex: " + Quoted(pattern) + " does not match");
  if (expect.json_schema)
    for (const SchemaProblem& problem : expect.json_schema->Validate(answer.output, 3))
      out.push_back("json_schema: " + (problem.pointer.empty() ? "the output" : problem.pointer) + " " +
                    problem.problem);
  std::set<std::string> cited;
  for (size_t i = 0; i < answer.citations.size(); ++i)
    cited.insert(Address(answer.citations[i]["url"].string_or("")));
  for (const std::string& url : expect.cites)
    if (!cited.count(Address(url))) {
      std::string list;
      for (const std::string& other : cited) list += (list.empty() ? "" : ", ") + other;
      out.push_back("cites: " + url + " is not cited, but " + (list.empty() ? "nothing" : list) + " is");
    }
  if (expect.grounded && answer.grounded.value_or(false) != *expect.grounded)
    out.push_back(std::string("grounded: the answer ") + Is(!*expect.grounded) + " grounded");
  if (expect.confidence_between) {
    const auto [least, most] = *expect.confidence_between;
    if (!answer.confidence_score)
      out.push_back("confidence_between: the answer has no confidence_score");
    else if (*answer.confidence_score < least || *answer.confidence_score > most)
      out.push_back("confidence_between: confidence_score is " + Fixed(*answer.confidence_score));
  }
  if (!expect.format.empty() && !HasFormat(response, expect.format))
    out.push_back("format: the response is no " + expect.format + ": " + Quoted(response));
  if (expect.refuses && answer.refused != *expect.refuses)
    out.push_back(std::string("refuses: the agent ") + (answer.refused ? "refused" : "answered"));
  return out;
}

}  // namespace capeai
