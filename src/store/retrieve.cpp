#include "store/retrieve.hpp"

#include <algorithm>

#include "knowledge/section_match.hpp"
#include "pg/guard.hpp"
#include "pg/session.hpp"
#include "pg/sql.hpp"
#include "store/knowledge.hpp"

namespace capeai::store {
namespace {

// Of so many documents that were found, the section is looked for whose heading asks the question; each must
// match at least so well, and better than the passage that was found.
constexpr size_t kDocumentsForSections = 3;
constexpr double kSectionMatch = 0.3;

// A document's first passages: enough to look through while somebody waits.
const pg::Statement kPassagesOf{
    "SELECT d.id, p.id, p.heading, p.content FROM unnest($1::bigint[]) AS d (id) "
    "CROSS JOIN LATERAL (SELECT * FROM capeai.passages WHERE document_id = d.id AND ordinal < 200 OFFSET 0) "
    "AS p "
    "ORDER BY d.id, p.ordinal",
    {pg::Type::kInt8Array},
    true};

// Search gives each document's best passage by its words. A reader who asks what a heading says wants what
// stands under it: of the first documents that passage comes, too, before the one that was found.
void AddSections(const std::string& query, std::vector<Passage>& passages) {
  const knowledge::HeadingQuestion question(query);
  std::vector<int64_t> documents;
  for (size_t i = 0; i < passages.size() && i < kDocumentsForSections; ++i)
    documents.push_back(passages[i].document_id);
  if (documents.empty()) return;
  const pg::Rows rows = pg::Execute(kPassagesOf, {&documents});
  for (const int64_t document : documents) {
    auto found = std::find_if(passages.begin(), passages.end(),
                              [&](const Passage& p) { return p.document_id == document; });
    size_t best = 0;  // which row
    int64_t best_id = found->passage_id;
    double best_match =
        std::max(question.MatchPassage(found->title, found->heading, found->text), kSectionMatch);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows.Int(i, 0) != document) continue;
      // Where a section goes on over several passages, the one that it begins with.
      const bool begins = rows.Text(i, 2) == found->heading && rows.Int(i, 1) < best_id;
      const double match = question.MatchPassage(found->title, rows.Text(i, 2), rows.Text(i, 3));
      if (match < best_match || (match == best_match && !begins)) continue;
      best = i;
      best_id = rows.Int(i, 1);
      best_match = match;
    }
    if (best_id == found->passage_id) continue;
    Passage section = *found;
    section.passage_id = best_id;
    section.heading = rows.String(best, 2);
    section.text = rows.String(best, 3);
    passages.insert(found, std::move(section));
  }
}

std::vector<Passage> FromCollection(const SearchRequest& request) {
  pg::AsExtensionOwner as_owner;
  std::vector<Passage> passages =
      SearchPassages(request.query, request.collection, request.max_results, request.context);
  AddSections(request.query, passages);
  if (passages.size() > static_cast<size_t>(request.max_results))
    passages.resize(static_cast<size_t>(request.max_results));
  return passages;
}

std::vector<Passage> FromFunction(unsigned owner, const SearchRequest& request) {
  if (pg::IsSuperuser(owner))
    pg::Raise(sqlstate::kInsufficientPrivilege, "knowledge functions do not run for superusers",
              "Submit the task as a role without superuser rights.");
  const std::string name = pg::QuoteQualified(request.function);
  pg::AsRestrictedRole as_role(owner);
  const pg::Rows rows = pg::ExecuteOnce(
      "SELECT f.document_id, f.passage_id, f.title, f.heading, f.snippet, f.url, f.type, f.score FROM " +
          name + "($1, $2) AS f",
      {pg::Type::kText, pg::Type::kJsonb},
      {std::string_view(request.query), std::string_view(request.context)}, request.max_results);
  std::vector<Passage> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    out[i] = Passage{rows.Int(i, 0),    rows.Int(i, 1),    rows.String(i, 2), rows.String(i, 3),
                     rows.String(i, 4), rows.String(i, 5), rows.String(i, 6), rows.Real(i, 7)};
  return out;
}

}  // namespace

std::vector<Passage> Retrieve(unsigned owner, const SearchRequest& request) {
  return request.function.empty() ? FromCollection(request) : FromFunction(owner, request);
}

}  // namespace capeai::store
