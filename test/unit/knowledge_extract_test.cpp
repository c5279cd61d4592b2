#include <gtest/gtest.h>

#include <string>

#include "base/utf8.hpp"
#include "knowledge/evidence.hpp"
#include "knowledge/extract.hpp"
#include "knowledge/extract_fitness.hpp"
#include "knowledge/extract_units.hpp"
#include "knowledge/section_match.hpp"
#include "knowledge/suggest.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

ExtractInput Guide(std::string query, std::string format = "text") {
  ExtractInput input;
  input.query = std::move(query);
  input.intent = "how_to";
  input.preferred_format = std::move(format);
  input.passages = {
      {"Backups", "Backups > Making a Backup",
       "A backup copies the whole database. However, it takes time. To make a backup, run the dump "
       "program:\n\n"
       "```bash\nmydump --all > backup.sql\n```\n\nThe file holds every table of the database.\n\n"
       "1. Stop the writers.\n2. Run the backup program.\n3. Store the backup file elsewhere.",
       "https://example.org/backup", "doc", 0.8},
      {"Backups", "Backups > Restoring a Backup",
       "The file holds every table of the database. Restoring reads the backup file into an empty database.",
       "https://example.org/restore", "doc", 0.5},
      {"Colours", "Colours", "Themes change the colours of the screen.", "https://example.org/colours", "doc",
       0.1},
  };
  return input;
}

TEST(Extract, AnswersWithSourcesAndSaysWhatItIs) {
  const ExtractiveAnswer answer = Extract(Guide("How do I make a backup?"));
  EXPECT_NE(answer.response.find("To make a backup, run the dump program:\n\n```bash\nmydump --all"),
            std::string::npos)
      << answer.response;
  EXPECT_NE(answer.response.find("[1] Backups > Making a Backup - https://example.org/backup"),
            std::string::npos);
  EXPECT_NE(answer.response.find("no model was asked"), std::string::npos);
  EXPECT_EQ(answer.response.find("colours"), std::string::npos);
  ASSERT_FALSE(answer.used_passages.empty());
  EXPECT_EQ(answer.used_passages[0], 0);
  EXPECT_GT(answer.strength, 0.5);
  EXPECT_LE(answer.strength, 1.0);
}

TEST(Extract, RepeatsNothing) {
  const std::string text = Extract(Guide("Which file holds every table of the database?")).response;
  const size_t first = text.find("The file holds every table");
  ASSERT_NE(first, std::string::npos) << text;
  EXPECT_EQ(text.find("The file holds every table", first + 1), std::string::npos) << text;
}

TEST(Extract, ShapesToTheFormat) {
  const std::string steps = Extract(Guide("How do I make a backup?", "steps")).response;
  EXPECT_TRUE(steps.starts_with("1. Stop the writers. [1]\n2. Run the backup program. [1]\n3. ")) << steps;
  const std::string list = Extract(Guide("How do I make a backup?", "checklist")).response;
  EXPECT_TRUE(list.starts_with("- [ ] Stop the writers. [1]\n- [ ] ")) << list;
  const std::string code = Extract(Guide("How do I make a backup?", "code")).response;
  EXPECT_TRUE(code.starts_with(
      "To make a backup, run the dump program:\n\n```bash\nmydump --all > backup.sql\n```\n"))
      << code;
  const std::string none = Extract(Guide("What changes the colours of the screen themes?", "steps")).response;
  EXPECT_TRUE(none.starts_with("1. ")) << none;
}

TEST(Extract, SaysWhenThereIsNoCode) {
  ExtractInput input = Guide("What does restoring read?", "code");
  input.passages.erase(input.passages.begin());
  EXPECT_NE(Extract(input).response.find("hold no code"), std::string::npos);
}

TEST(Extract, SaysWhenNothingIsRelevant) {
  for (const std::string query : {"How do I bake a chocolate cake?", "", "the of and", "\xF0\x9F\x98\x80"}) {
    const ExtractiveAnswer answer = Extract(Guide(query));
    EXPECT_EQ(answer.strength, 0) << query;
    EXPECT_TRUE(answer.used_passages.empty());
    EXPECT_NE(answer.response.find("capeai_add_document"), std::string::npos);
  }
  ExtractInput weak = Guide("How do I make a backup?");
  for (SourcePassage& passage : weak.passages) passage.score = 0.01;
  EXPECT_EQ(Extract(weak).strength, 0);
  weak.passages.clear();
  EXPECT_EQ(Extract(weak).strength, 0);
  EXPECT_TRUE(Extract(weak).suggestions.empty());
}

TEST(Extract, KeepsToItsLengthAndDoesNotBeginDangling) {
  ExtractInput input = Guide("How does the planner use an index scan?");
  std::string text = "However, the planner uses an index scan often. ";
  for (int i = 0; i < 60; ++i)
    text += "The planner number " + std::to_string(i) + " may use an index scan of kind k" +
            std::to_string(i * 7) + " there. ";
  input.passages = {{"Planner", "Planner", text, "", "doc", 0.9}};
  const std::string response = Extract(input).response;
  const std::string body = response.substr(0, response.find("\n\nSources:"));
  EXPECT_LE(Words(body).size(), 121u);
  EXPECT_FALSE(Dangles(body)) << body;
}

TEST(Extract, IsDeterministicAndStandsAnything) {
  ExtractInput input = Guide("backup ``` | > # **x**");
  input.passages.push_back({"", "", std::string(200000, '|'), "", "", 0.9});
  input.passages.push_back({"", "", "```\nopen " + std::string(100000, '`'), "", "", 0.9});
  input.passages.push_back({"\xFF", " > ", "backup \xFF\xC3(. backup", "", "", -3});
  input.passages.push_back({"t", "h", "", "", "", 7});
  for (const char* format : {"text", "steps", "checklist", "code", "other"}) {
    input.preferred_format = format;
    const ExtractiveAnswer a = Extract(input), b = Extract(input);
    EXPECT_EQ(a.response, b.response);
    EXPECT_TRUE(utf8::Valid(a.response));
    EXPECT_LE(a.strength, 1.0);
    for (const int i : a.used_passages) EXPECT_TRUE(i >= 0 && i < 7);
  }
}

// A passage of several small sections, as a manual's page has them.
ExtractInput Manual(std::string query, std::string format = "text") {
  ExtractInput input;
  input.query = std::move(query);
  input.intent = "how_to";
  input.preferred_format = std::move(format);
  input.passages = {
      {"Tasks: queue, wait, cancel", "",
       "Tasks wait in a queue, and every task has a channel to wait on or to cancel by.\n\n"
       "## How do I wait for a task?\n\n```sql\nSELECT wait_task(1);\n```\n\nIt returns the row.\n\n"
       "## How do I cancel a task?\n\nCall the program kill_task. A queued task ends at once.\n\n"
       "1. Find its number.\n2. Call the program.\n3. Look again.",
       "/tasks", "doc", 0.6},
      {"Settings", "Settings > How do I limit the cost?", "Set max_cost to a number.", "/settings", "doc",
       0.4},
  };
  return input;
}

TEST(Extract, ReadsTheSectionThatAsksTheQuestionFromItsBeginning) {
  const std::string cancel = Extract(Manual("How do I cancel a task?")).response;
  EXPECT_TRUE(cancel.starts_with("Call the program kill_task. A queued task ends at once.")) << cancel;
  const std::string wait = Extract(Manual("How do I wait for a task?")).response;
  EXPECT_TRUE(wait.starts_with("```sql\nSELECT wait_task(1);\n```\n\nIt returns the row.")) << wait;
  const std::string steps = Extract(Manual("How do I wait for a task?", "steps")).response;
  EXPECT_TRUE(steps.starts_with("1. See this code: [1]\n   ```sql\n")) << steps;
  EXPECT_NE(cancel.find("\n\n1. Find its number.\n2. Call the program.\n3. Look again."), std::string::npos)
      << cancel;
}

TEST(Extract, PassagesOfOneSectionAreOneSource) {
  ExtractInput input = Guide("How do I make a backup of the database tables?");
  input.passages[1].heading = input.passages[0].heading;
  input.passages[1].url = input.passages[0].url;
  const std::string response = Extract(input).response;
  EXPECT_EQ(response.find("\n[2] "), std::string::npos) << response;
}

TEST(Extract, AnswersWithCodeWhereThereIsNothingElse) {
  ExtractInput input = Guide("What does frobnicate return?");
  input.passages = {{"Source", "", "```cpp\nint frobnicate() { return 42; }\n```", "/source", "doc", 0.7}};
  for (const auto& [format, begin] : {std::pair{"text", "```cpp\nint frobnicate"},
                                      {"code", "```cpp\n"},
                                      {"steps", "1. See this code: [1]\n   ```cpp\n"},
                                      {"checklist", "- [ ] See this code: [1]\n  ```cpp\n"}}) {
    input.preferred_format = format;
    EXPECT_TRUE(Extract(input).response.starts_with(begin)) << Extract(input).response;
  }
}

TEST(Extract, SaysWhenTheQuestionIsMetInPartOnly) {
  ExtractInput input = Guide("How do I make a backup?");
  EXPECT_EQ(Extract(input).response.find("only in part"), std::string::npos);
  for (SourcePassage& passage : input.passages) passage.score *= 0.45;
  EXPECT_NE(Extract(input).response.find("only in part"), std::string::npos);
}

TEST(Evidence, GrowsWithTheLengthOfTheQuestion) {
  EXPECT_EQ(TellingWords("How do I stop the worker?"), 2u);
  EXPECT_EQ(TellingWords(""), 1u);
  EXPECT_EQ(TellingWords("stop, stopping and stops"), 1u);
  EXPECT_LT(Evidence(0.4, 2), Evidence(0.4, 8));
  EXPECT_DOUBLE_EQ(Evidence(7, 4), 2);
  EXPECT_DOUBLE_EQ(BestSentence("stop the worker", "You stop it. The worker runs."), 0.5);
  EXPECT_DOUBLE_EQ(BestSentence("stop the worker", "The worker\nstops. You stop the worker so."), 1);
  EXPECT_DOUBLE_EQ(BestSentence("", "x"), 0);
}

TEST(HeadingQuestion, FindsTheSectionThatAsks) {
  const HeadingQuestion question("How do I set up streaming replication?");
  EXPECT_GT(question.Match("27.2.5. Streaming Replication"),
            question.Match("55.4. Streaming Replication Protocol"));
  EXPECT_DOUBLE_EQ(HeadingQuestion("What is streaming replication?").Match("27.2.5. Streaming Replication"),
                   1);
  EXPECT_DOUBLE_EQ(question.Match("27.2."), 0);
  EXPECT_DOUBLE_EQ(HeadingQuestion("").Match("x"), 0);
  const HeadingQuestion cancel("How do I cancel a task?");
  const SourcePassage tasks = Manual("").passages[0];
  EXPECT_DOUBLE_EQ(cancel.MatchPassage(tasks.title, tasks.heading, tasks.text), 1);
  EXPECT_LT(cancel.MatchPassage(tasks.title, tasks.heading, ""), 0.7);
  EXPECT_DOUBLE_EQ(cancel.MatchPassage("Cancel a task", "Cancel a task > Notes", ""), 0);
}

TEST(Suggest, PhrasesQuestionsFromHeadings) {
  EXPECT_EQ(QuestionFromHeading("1.3. Creating a Database"), "How do I create a database?");
  EXPECT_EQ(QuestionFromHeading("Chapter 25. Routine Database Maintenance Tasks"),
            "What are routine database maintenance tasks?");
  EXPECT_EQ(QuestionFromHeading("work_mem (integer)"), "What does work_mem do?");
  EXPECT_EQ(QuestionFromHeading("CREATE INDEX"), "How do I use CREATE INDEX?");
  EXPECT_EQ(QuestionFromHeading("27.2.5. Streaming Replication"),
            "What should I know about streaming replication?");
  EXPECT_EQ(QuestionFromHeading("39.4. A Complete Trigger Example"), "What is a complete trigger example?");
  EXPECT_EQ(QuestionFromHeading("F.29. Operators"), "What are operators?");
  EXPECT_EQ(QuestionFromHeading("How to Install"), "How do I install?");
  EXPECT_EQ(QuestionFromHeading("What is it?"), "What is it?");
  EXPECT_EQ(QuestionFromHeading("..."), "");
  EXPECT_EQ(QuestionFromHeading("Set the API key"), "How do I set the API key?");
  EXPECT_EQ(QuestionFromHeading("13.4. Preferred Index Types for Text Search"),
            "What are the preferred index types for text search?");
  EXPECT_EQ(QuestionFromHeading("Agents and knowledge"), "What should I know about agents and knowledge?");
  for (const char* no_subject : {"How capeai works, and why", "What runs, what ran", "Read on", "By NOTIFY",
                                 "Appendix K. Glossary", "U", "Decisions that are not obvious"})
    EXPECT_EQ(QuestionFromHeading(no_subject), "") << no_subject;
}

TEST(Suggest, OffersNeighboursNotTheQuestion) {
  const ExtractInput input = Guide("");
  const auto questions = SuggestQuestions("How do I make a backup?", input.passages, {0}, 3);
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_EQ(questions[0], "How do I restore a backup?");
}

TEST(Suggest, TakesQuestionsThatStandInPassages) {
  const ExtractInput input = Manual("");
  const auto questions = SuggestQuestions("How do I wait for a task?", input.passages, {0}, 3);
  ASSERT_GE(questions.size(), 2u);
  EXPECT_EQ(questions[0], "How do I cancel a task?");
  EXPECT_EQ(questions[1], "How do I limit the cost?");
}

TEST(Units, KeepTermsAndCode) {
  std::vector<Unit> units;
  AppendUnits(
      {"", "",
       "**FULL**\n\nRewrites all. Slowly:\n\n```\nVACUUM FULL;\n```\n\n1. Item\n\n  More of it.\n\nOut.", "",
       "", 1},
      0, units);
  ASSERT_EQ(units.size(), 6u);
  EXPECT_TRUE(units[0].under_term);
  EXPECT_EQ(units[1].code, 2);
  EXPECT_EQ(units[2].language, "sql");
  EXPECT_EQ(units[3].kind, UnitKind::kItem);
  EXPECT_TRUE(units[4].in_item);
  EXPECT_FALSE(units[5].in_item);
  EXPECT_EQ(GuessLanguage("shared_buffers = 1GB"), "ini");
  EXPECT_EQ(GuessLanguage("$ ls"), "bash");
  EXPECT_EQ(GuessLanguage("something else"), "");
}

}  // namespace
}  // namespace capeai::knowledge
