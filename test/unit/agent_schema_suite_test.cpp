// The public JSON Schema test suite (Debian package json-schema-test-suite)
// against agent/schema: every case of every keyword that we support must get
// the right verdict; what we refuse to compile is counted, and is a known list.
//
// Debian 12 ships the suite up to draft 7; newer packages have draft 2020-12.
// Both are run where they are found.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "agent/schema.hpp"

namespace capeai {
namespace {

namespace fs = std::filesystem;
const fs::path kSuite = "/usr/share/json-schema-test-suite/tests";

// Files about keywords that we refuse.
const std::set<std::string> kUnsupportedFiles = {
    "anchor",    "dependentSchemas", "dependencies",          "dynamicRef",     "id",
    "refRemote", "unevaluatedItems", "unevaluatedProperties", "unknownKeyword", "vocabulary"};

// Groups of other files that use what we refuse: references out of the document, schemas in unknown places.
const std::set<std::string> kRefusedGroups = {
    "definitions / invalid definition",           "definitions / valid definition",
    "ref / Recursive references between schemas", "ref / escaped pointer ref",
    "ref / remote ref, containing refs itself",
};

// Draft 7 cases that 2020-12 decides the other way.
const std::set<std::string> kOtherDialect = {"ref overrides any sibling keywords"};

struct Figures {
  int right = 0, wrong = 0, refused = 0, other_dialect = 0;
  std::map<std::string, std::string> refused_groups;
};

Json ReadFile(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  std::string problem;
  Json json = Json::Parse(text.str(), &problem);
  EXPECT_TRUE(json) << path << ": " << problem;
  return json;
}

bool OnlyArrays(const Json& object) {
  const char* name;
  json_t* value;
  json_object_foreach(object.get(), name, value) if (!json_is_array(value)) return false;
  return true;
}

// A schema of draft 6 or 7 as 2020-12 writes it: arrays in "items" become prefixItems, additionalItems
// become items, dependencies on members become dependentRequired.
Json Modernise(const Json& schema) {
  if (schema.is_array()) {
    Json list = Json::Array();
    for (size_t i = 0; i < schema.size(); ++i) list.Push(Modernise(schema[i]));
    return list;
  }
  if (!schema.is_object()) return schema;
  const bool tuple = schema["items"].is_array();
  Json object = Json::Object();
  const char* name;
  json_t* value;
  json_object_foreach(schema.get(), name, value) {
    const std::string keyword = name;
    const Json modern = Modernise(Json::Share(value));
    if (keyword == "enum" || keyword == "const") {
      object.Set(name, Json::Share(value));
    } else if (keyword == "items" && tuple) {
      object.Set("prefixItems", modern);
    } else if (keyword == "additionalItems") {
      if (tuple) object.Set("items", modern);
    } else if (keyword == "$ref" && modern.string_or("").rfind("#/items/", 0) == 0) {
      object.Set("$ref", Json::String("#/prefixItems/" + modern.string()->substr(8)));
    } else if (keyword == "dependencies" && OnlyArrays(modern)) {
      object.Set("dependentRequired", modern);
    } else {
      object.Set(name, modern);
    }
  }
  return object;
}

void RunGroup(const Json& group, bool old, const std::string& where, Figures& figures) {
  const Json tests = group["tests"];
  if (kOtherDialect.count(group["description"].string_or(""))) {
    figures.other_dialect += static_cast<int>(tests.size());
    return;
  }
  auto compiled = Schema::Compile(old ? Modernise(group["schema"]) : group["schema"]);
  if (auto* problems = std::get_if<std::vector<SchemaProblem>>(&compiled)) {
    figures.refused += static_cast<int>(tests.size());
    figures.refused_groups[where] = (*problems)[0].pointer + ": " + (*problems)[0].problem;
    return;
  }
  const Schema& schema = std::get<Schema>(compiled);
  for (size_t i = 0; i < tests.size(); ++i) {
    const auto problems = schema.Validate(tests[i]["data"]);
    const bool valid = problems.empty();
    const bool right = valid == *tests[i]["valid"].boolean();
    ++(right ? figures.right : figures.wrong);
    EXPECT_TRUE(right) << where << " / " << tests[i]["description"].string_or("") << " on "
                       << tests[i]["data"].Dump() << (valid ? "" : ": " + problems[0].problem);
  }
}

Figures RunDraft(const fs::path& folder, bool old) {
  Figures figures;
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".json") files.insert(entry.path());
  for (const fs::path& file : files) {
    const Json groups = ReadFile(file);
    for (size_t i = 0; i < groups.size(); ++i) {
      const std::string keyword = file.stem().string();
      RunGroup(groups[i], old, keyword + " / " + groups[i]["description"].string_or(""), figures);
    }
  }
  return figures;
}

class SchemaSuite : public testing::TestWithParam<const char*> {};

TEST_P(SchemaSuite, EveryVerdictIsRight) {
  const fs::path folder = kSuite / GetParam();
  if (!fs::exists(folder)) GTEST_SKIP() << "not installed: " << folder;
  const bool old = std::string(GetParam()) != "draft2020-12";
  const Figures figures = RunDraft(folder, old);
  for (const auto& [group, reason] : figures.refused_groups) {
    const bool expected =
        kUnsupportedFiles.count(group.substr(0, group.find(' '))) || kRefusedGroups.count(group);
    // The list of refused groups is pinned where we have the suite before us.
    EXPECT_TRUE(expected || !old) << "refused: " << group << " (" << reason << ")";
    std::printf("  refused: %s (%s)\n", group.c_str(), reason.c_str());
  }
  std::printf("%s: %d right, %d wrong, %d refused at compile, %d of another dialect\n", GetParam(),
              figures.right, figures.wrong, figures.refused, figures.other_dialect);
  EXPECT_EQ(figures.wrong, 0);
  EXPECT_GT(figures.right, 300);
}

INSTANTIATE_TEST_SUITE_P(Drafts, SchemaSuite, testing::Values("draft6", "draft7", "draft2020-12"));

}  // namespace
}  // namespace capeai
