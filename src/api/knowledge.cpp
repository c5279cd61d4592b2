// SQL functions of the knowledge base. Who may execute which is a matter of GRANT.
#include "pg/function.hpp"

#include "api/arguments.hpp"
#include "api/load_directory.hpp"
#include "base/utf8.hpp"
#include "knowledge/rank.hpp"
#include "knowledge/text.hpp"
#include "pg/args.hpp"
#include "pg/session.hpp"
#include "store/audit.hpp"
#include "store/knowledge.hpp"

namespace capeai {
namespace {

using pg::Raise;

constexpr size_t kSnippetChars = 300;
constexpr size_t kMaxTextChars = 10000;  // of all texts but the content; store/ knows what is tighter
constexpr size_t kMaxContentMegabytes = 10;
constexpr size_t kMaxMetadataMegabytes = 1;

std::string Needed(FunctionCallInfo fcinfo, int arg, const char* name) {
  if (auto text = api::LimitedText(fcinfo, arg, name, kMaxTextChars)) return *text;
  Raise(sqlstate::kInvalidParameter, std::string(name) + " must not be NULL",
        "Leave it out for its default.");
}

int NeededInt(FunctionCallInfo fcinfo, int arg, const char* name) {
  if (auto number = pg::IntArg(fcinfo, arg)) return *number;
  Raise(sqlstate::kInvalidParameter, std::string(name) + " must not be NULL",
        "Leave it out for its default.");
}

// A text search configuration by its name, with its schema.
std::string ConfigArg(FunctionCallInfo fcinfo, int arg) {
  if (auto name = pg::TextArg(fcinfo, arg)) return *name;
  Raise(sqlstate::kInvalidParameter, "config must not be NULL", "Leave it out for its default.");
}

knowledge::Format FormatArg(FunctionCallInfo fcinfo, int arg) {
  const std::string name = Needed(fcinfo, arg, "format");
  if (const auto format = knowledge::FormatFromName(name)) return *format;
  Raise(sqlstate::kInvalidParameter, "unknown format \"" + name + "\"", "Use 'markdown', 'html' or 'plain'.");
}

std::vector<std::string> KeywordsArg(FunctionCallInfo fcinfo, int arg) {
  api::LimitMegabytes(fcinfo, arg, "keywords", kMaxMetadataMegabytes);
  std::vector<std::string> keywords;
  for (auto& keyword : pg::TextArrayArg(fcinfo, arg).value_or(std::vector<std::optional<std::string>>()))
    if (keyword && !knowledge::IsBlank(*keyword)) keywords.push_back(*std::move(keyword));
  return keywords;
}

// The beginning of a passage as one line, cut at a word.
std::string Snippet(const std::string& text) {
  const std::string line = knowledge::CollapseSpace(text);
  std::string_view cut = utf8::PrefixChars(line, kSnippetChars);
  if (cut.size() == line.size()) return line;
  const size_t space = cut.rfind(' ');
  if (space != std::string_view::npos && space > cut.size() / 2) cut = cut.substr(0, space);
  return std::string(cut) + " …";
}

void Audit(const pg::Caller& caller, const char* type, const Json& data) {
  store::Audit(caller, "", {type, std::nullopt, std::nullopt, data.Dump()});
}

}  // namespace

CAPEAI_FUNCTION(capeai_create_collection) {
  store::CollectionSpec spec;
  spec.name = Needed(fcinfo, 0, "name");
  spec.config = ConfigArg(fcinfo, 1);
  spec.passage_tokens = NeededInt(fcinfo, 2, "passage_tokens");
  spec.overlap_tokens = NeededInt(fcinfo, 3, "overlap_tokens");
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner owner;
  store::CreateCollection(spec);
  Audit(caller, "collection_created", Json::Object().Set("collection", Json::String(spec.name)));
  return 0;
}

CAPEAI_FUNCTION(capeai_add_document) {
  store::NewDocument document;
  document.title = api::LimitedText(fcinfo, 0, "title", kMaxTextChars).value_or("");
  api::LimitMegabytes(fcinfo, 1, "content", kMaxContentMegabytes);
  document.content = pg::TextArg(fcinfo, 1).value_or("");
  document.url = api::LimitedText(fcinfo, 2, "url", kMaxTextChars);
  document.type = Needed(fcinfo, 3, "type");
  document.keywords = KeywordsArg(fcinfo, 4);
  document.collection = Needed(fcinfo, 5, "collection");
  document.format = FormatArg(fcinfo, 6);
  api::LimitMegabytes(fcinfo, 7, "metadata", kMaxMetadataMegabytes);
  document.metadata_json = pg::TextArg(fcinfo, 7).value_or("{}");
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner owner;
  const int64_t id = store::AddDocument(document).id;
  Audit(
      caller, "document_added",
      Json::Object().Set("document_id", Json::Int(id)).Set("collection", Json::String(document.collection)));
  return Int64GetDatum(id);
}

CAPEAI_FUNCTION(capeai_remove_document) {
  const auto id = pg::BigintArg(fcinfo, 0);
  if (!id) Raise(sqlstate::kInvalidParameter, "document_id must not be NULL");
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner owner;
  if (!store::RemoveDocument(*id)) return BoolGetDatum(false);
  Audit(caller, "document_removed", Json::Object().Set("document_id", Json::Int(*id)));
  return BoolGetDatum(true);
}

CAPEAI_FUNCTION(capeai_load_directory) {
  const pg::Caller caller = pg::CurrentCaller();
  if (!caller.superuser && !pg::IsMember(caller.role, "pg_read_server_files"))
    Raise(sqlstate::kInsufficientPrivilege, "permission denied to read files of the server",
          "Only superusers and members of pg_read_server_files may.");
  api::LoadRequest request;
  request.path = Needed(fcinfo, 0, "path");
  request.collection = Needed(fcinfo, 1, "collection");
  request.base_url = api::LimitedText(fcinfo, 2, "base_url", kMaxTextChars);
  api::LoadSummary summary;
  {
    const pg::AsExtensionOwner owner;
    summary = api::LoadDirectory(request);
    Audit(caller, "directory_loaded",
          Json::Object()
              .Set("collection", Json::String(request.collection))
              .Set("documents", Json::Int(summary.documents))
              .Set("failed", Json::Int(summary.failed)));
  }
  return pg::RowResult(fcinfo, {std::to_string(summary.documents), std::to_string(summary.passages),
                                std::to_string(summary.unchanged), std::to_string(summary.failed)});
}

CAPEAI_FUNCTION(capeai_search) {
  const std::string query = Needed(fcinfo, 0, "query");
  const std::string collection = Needed(fcinfo, 1, "collection");
  const int max_results = NeededInt(fcinfo, 2, "max_results");
  api::LimitMegabytes(fcinfo, 3, "context", kMaxMetadataMegabytes);
  const std::string context = pg::TextArg(fcinfo, 3).value_or("{}");
  std::vector<Passage> found;
  {
    const pg::AsExtensionOwner owner;
    found = store::SearchPassages(query, collection, max_results, context);
  }
  pg::RowSet rows(fcinfo);
  for (const Passage& passage : found) {
    rows.Add({std::to_string(passage.document_id), std::to_string(passage.passage_id), passage.title,
              passage.heading, Snippet(passage.text),
              passage.url.empty() ? pg::CellText() : pg::CellText(passage.url), passage.type,
              std::to_string(passage.score)});
  }
  return 0;
}

CAPEAI_FUNCTION(capeai_query_terms) {
  const std::string query = Needed(fcinfo, 0, "query");
  const std::string collection = Needed(fcinfo, 1, "collection");
  std::vector<knowledge::QueryTerm> terms;
  {
    const pg::AsExtensionOwner owner;
    terms = store::SearchTerms(query, collection);
  }
  pg::RowSet rows(fcinfo);
  for (const knowledge::QueryTerm& term : terms) rows.Add({term.term, std::to_string(term.weight)});
  return 0;
}

}  // namespace capeai
