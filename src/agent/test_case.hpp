// An agent's own tests: cases as they stand in its manifest, and whether an
// answer is what a case expects. Knows nothing of how the answer came about.
//
//   {"name": "…", "input": {…}, "expect": {…}}      all that is expected must hold:
//
//   equals              the response, but for blanks around it
//   contains            each of these texts is in the response (a text or an array of texts)
//   not_contains        none of them is
//   regex               each of these RE2 patterns matches somewhere in the response
//   json_schema         the output (response and the other members) satisfies it
//   cites               documents with these URLs are cited; "#section" and "?query" aside
//   grounded            whether the answer rests on passages
//   confidence_between  [least, most] of confidence_score
//   format              the response is text, steps, checklist or code
//   refuses             whether the agent declined: the model did, or its sources do not support an answer
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.hpp"

namespace capeai {

struct Expectation {
  std::optional<std::string> equals;
  std::vector<std::string> contains;
  std::vector<std::string> not_contains;
  std::vector<std::string> regex;  // that compile
  std::optional<Schema> json_schema;
  std::vector<std::string> cites;
  std::optional<bool> grounded;
  std::optional<std::pair<double, double>> confidence_between;
  std::string format;
  std::optional<bool> refuses;
};

struct TestCase {
  std::string name;  // unique in its agent
  Json input;        // fits the agent's input_schema
  Expectation expect;
};

// The cases of a manifest's member "tests", which has the form that the manifest's schema wants. What the
// schema cannot say goes to `problems`, with pointers that begin with /tests.
std::vector<TestCase> ParseTests(const Json& tests, const std::optional<Schema>& input_schema,
                                 std::vector<ManifestProblem>& problems);

// What `answer` lacks of what is expected, a sentence each; empty: it is as expected.
std::vector<std::string> Shortcomings(const Expectation& expect, const Answer& answer);

}  // namespace capeai
