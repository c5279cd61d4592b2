// SearchPassages: from the words of a query to ranked passages. Ranking itself
// is in knowledge/; here its food is fetched, all from one snapshot.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "knowledge/identifiers.hpp"
#include "knowledge/links.hpp"
#include "knowledge/rank.hpp"
#include "knowledge/smooth.hpp"
#include "knowledge/text.hpp"
#include "knowledge/weak_words.hpp"
#include "pg/guard.hpp"
#include "pg/lexemes.hpp"
#include "pg/session.hpp"
#include "pg/snapshot.hpp"
#include "pg/sql.hpp"
#include "store/index_reader.hpp"
#include "store/knowledge.hpp"
#include "store/links.hpp"

namespace capeai::store {
namespace {

using knowledge::QueryTerm;
using knowledge::RankedDocument;
using pg::Type;

constexpr int kMaxResults = 1000;
constexpr size_t kSmoothed = 50;         // results that are looked at again
constexpr double kOpenPageFactor = 1.1;  // a prior, not a filter
constexpr size_t kLeastPage = 2;         // "/" says nothing
constexpr bool kReadOnly = true, kOfQueue = true;

// Once for each segment of its index.
const pg::Statement kFindCollection{
    "SELECT c.id, c.config::regconfig::oid, EXISTS (SELECT FROM capeai.index_state AS i WHERE "
    "i.collection_id = c.id), s.id "
    "FROM capeai.collections AS c LEFT JOIN capeai.index_segments AS s ON s.collection_id = c.id "
    "WHERE c.name = $1",
    {Type::kText},
    kReadOnly,
    kOfQueue};

const pg::Statement kCheckContext{
    "SELECT jsonb_typeof($1) = 'object', $1 ->> 'current_page'", {Type::kJsonb}, kReadOnly};

const pg::Statement kFetch{
    "SELECT q.id, q.terms, d.id, d.title, q.heading, q.content, coalesce(d.url, ''), d.type "
    "FROM capeai.passages AS q "
    "CROSS JOIN LATERAL (SELECT id, title, url, type FROM capeai.documents WHERE id = q.document_id OFFSET "
    "0) "
    "AS d WHERE q.id = ANY ($1)",
    {Type::kInt8Array},
    kReadOnly};

struct Collection {
  IndexedCollection index;
  pg::Oid config = 0;
};

// The collection `default` exists even where nothing was added to it yet.
std::optional<Collection> FindCollection(std::string_view name) {
  const pg::Rows rows = pg::Execute(kFindCollection, {name});
  if (rows.empty()) {
    if (name == "default") return std::nullopt;
    pg::Raise(sqlstate::kUndefinedObject, "collection \"" + std::string(name) + "\" does not exist",
              "Make it with capeai_create_collection(), or name it in capeai_add_document().");
  }
  Collection found;
  found.index.id = static_cast<int>(rows.Int(0, 0));
  found.index.indexed = rows.Bool(0, 2);
  found.config = static_cast<pg::Oid>(rows.Int(0, 1));
  for (size_t i = 0; i < rows.size() && !rows.IsNull(i, 3); ++i)
    found.index.segments.push_back(rows.Int(i, 3));
  std::sort(found.index.segments.begin(), found.index.segments.end());
  return found;
}

void CheckArguments(std::string_view query, int max_results) {
  if (knowledge::IsBlank(query))
    pg::Raise(sqlstate::kInvalidParameter, "query is empty", "Ask with at least one word.");
  if (max_results < 1 || max_results > kMaxResults)
    pg::Raise(sqlstate::kInvalidParameter, "max_results must be between 1 and " + std::to_string(kMaxResults),
              "Give a number of documents, for example 5.");
}

std::string CurrentPage(std::string_view context_json) {
  if (context_json == "{}") return "";
  const pg::Rows rows = pg::Execute(kCheckContext, {context_json});
  if (!rows.Bool(0, 0))
    pg::Raise(sqlstate::kInvalidParameter, "context must be a JSON object",
              "For example {\"current_page\": \"/x\"}.");
  return rows.MaybeString(0, 1).value_or("");
}

// The weak words as lexemes of `config`, kept for the life of the process.
const std::set<std::string>& WeakLexemes(pg::Oid config) {
  static auto* kept = new std::map<pg::Oid, std::set<std::string>>;
  const auto at = kept->find(config);
  if (at != kept->end()) return at->second;
  const std::vector<std::string> lexemes = pg::Lexemes(config, knowledge::kWeakWords);
  return (*kept)[config] = std::set<std::string>(lexemes.begin(), lexemes.end());
}

std::vector<QueryTerm> QueryTerms(pg::Oid config, std::string_view query) {
  std::map<std::string, double> counts;
  for (std::string& lexeme : pg::Lexemes(config, query)) ++counts[std::move(lexeme)];
  for (std::string& lexeme : pg::Lexemes(config, knowledge::IdentifierParts(query)))
    ++counts[std::move(lexeme)];
  const std::set<std::string>& weak = WeakLexemes(config);
  std::vector<QueryTerm> terms;
  for (const auto& [term, count] : counts)
    terms.push_back({term, weak.count(term) ? count * knowledge::kWeakWordWeight : count});
  return terms;
}

// Whether `url` is, or contains, the page that the user has open.
bool IsOpenPage(std::string_view url, std::string_view current_page) {
  return current_page.size() >= kLeastPage && url.find(current_page) != std::string_view::npos;
}

// The rows of ranked passages and of their documents.
class Fetched {
 public:
  explicit Fetched(const std::vector<RankedDocument>& ranked) {
    std::vector<int64_t> ids;
    for (const RankedDocument& document : ranked) ids.push_back(document.best.passage);
    rows_ = pg::Execute(kFetch, {&ids});
    for (size_t i = 0; i < rows_.size(); ++i) places_.emplace(rows_.Int(i, 0), i);
  }

  bool Has(const RankedDocument& document) const { return places_.contains(document.best.passage); }
  // Of those that it has.
  std::string_view Terms(const RankedDocument& document) const { return rows_.Text(Row(document), 1); }
  std::string_view Url(const RankedDocument& document) const { return rows_.Text(Row(document), 6); }
  Passage Get(const RankedDocument& document) const {
    const size_t row = Row(document);
    return {rows_.Int(row, 2),    document.best.passage, rows_.String(row, 3), rows_.String(row, 4),
            rows_.String(row, 5), rows_.String(row, 6),  rows_.String(row, 7), document.score};
  }

 private:
  size_t Row(const RankedDocument& document) const { return places_.at(document.best.passage); }

  pg::Rows rows_;
  std::unordered_map<int64_t, size_t> places_;
};

// Looks again at the first results: what links say of them is added, neighbours
// smooth their scores, and the open page counts a little more. The others stay
// behind them.
void Refine(std::vector<RankedDocument>& ranked, const Fetched& fetched, const knowledge::Ranker& ranker,
            int collection, std::string_view current_page) {
  const size_t pool = std::min(ranked.size(), kSmoothed);
  std::vector<double> scores;
  std::vector<std::string_view> vectors;
  std::vector<std::string> urls;
  for (size_t i = 0; i < pool; ++i) {
    scores.push_back(ranked[i].score);
    vectors.push_back(fetched.Terms(ranked[i]));
    urls.emplace_back(fetched.Url(ranked[i]));
  }
  const InboundLinks links(collection, urls);
  knowledge::AddLinkScores(scores, links.texts(), ranker.terms(), ranker.bounds(), {});
  scores = knowledge::SmoothScores(scores, vectors, {});
  for (size_t i = 0; i < pool; ++i)
    if (IsOpenPage(urls[i], current_page)) scores[i] *= kOpenPageFactor;
  for (size_t i = 0; i < pool; ++i) ranked[i].score = scores[i];
  const double least = *std::min_element(scores.begin(), scores.end());
  for (size_t i = pool; i < ranked.size(); ++i) ranked[i].score = std::min(ranked[i].score, least);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const RankedDocument& a, const RankedDocument& b) { return a.score > b.score; });
}

}  // namespace

std::vector<QueryTerm> SearchTerms(std::string_view query, std::string_view collection_name) {
  const std::optional<Collection> collection = FindCollection(collection_name);
  if (!collection) return {};
  return QueryTerms(collection->config, query);
}

std::vector<Passage> SearchPassages(std::string_view query, std::string_view collection_name, int max_results,
                                    std::string_view context_json) {
  CheckArguments(query, max_results);
  const pg::OneSnapshot snapshot;
  const std::string current_page = CurrentPage(context_json);
  std::optional<Collection> collection = FindCollection(collection_name);
  if (!collection) return {};
  std::vector<QueryTerm> terms = QueryTerms(collection->config, query);
  if (terms.empty()) return {};

  IndexReader reader(std::move(collection->index));
  knowledge::Ranker ranker = reader.Feed(std::move(terms));
  reader.Correct(ranker);
  const size_t wanted = static_cast<size_t>(max_results);
  std::vector<RankedDocument> ranked = ranker.Rank(std::max(wanted, kSmoothed));
  // A passage whose row is gone is left out.
  const Fetched fetched(ranked);
  std::erase_if(ranked, [&](const RankedDocument& document) { return !fetched.Has(document); });
  if (ranked.empty()) return {};
  Refine(ranked, fetched, ranker, reader.collection(), current_page);
  if (ranked.size() > wanted) ranked.resize(wanted);
  std::vector<Passage> found;
  for (RankedDocument& document : ranked) {
    document.score = std::min(1.0, document.score / ranker.ideal());
    found.push_back(fetched.Get(document));
  }
  return found;
}

}  // namespace capeai::store
