#include "store/links.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "knowledge/links.hpp"
#include "pg/lexemes.hpp"

namespace capeai::store {
namespace {

using pg::Type;

constexpr size_t kMaxLinks = 10000;     // of one document
constexpr size_t kMaxPageBytes = 2000;  // what an index row holds

const pg::Statement kDelete{"DELETE FROM capeai.links WHERE document_id = $1", {Type::kInt8}};

const pg::Statement kInsert{
    "INSERT INTO capeai.links (collection_id, document_id, page, terms) "
    "SELECT $1, $2, t.page, t.terms FROM unnest($3::text[], $4::bytea[]) AS t (page, terms)",
    {Type::kInt4, Type::kInt8, Type::kTextArray, Type::kByteaArray}};

// A page that everybody links to needs no more witnesses.
const pg::Statement kInbound{
    "SELECT p.ordinality, l.terms FROM unnest($2::text[]) WITH ORDINALITY AS p (page), "
    "LATERAL (SELECT terms FROM capeai.links AS l WHERE l.collection_id = $1 AND l.page = p.page "
    "         ORDER BY l.document_id LIMIT 100) AS l",
    {Type::kInt4, Type::kTextArray},
    true};

}  // namespace

void InsertLinks(int collection, int64_t document, pg::Oid config, std::string_view url,
                 const std::vector<knowledge::Link>& links) {
  std::map<std::string, std::set<std::string_view>> texts;  // the same words again say nothing more
  size_t kept = 0;
  const std::string self = knowledge::PageOf(url);
  for (const knowledge::Link& link : links) {
    std::string page = knowledge::ResolveLink(url, link.href);
    if (page.empty() || page == self || page.size() > kMaxPageBytes) continue;
    kept += texts[std::move(page)].insert(link.text).second;
    if (kept == kMaxLinks) break;
  }
  std::vector<std::string> pages, vectors;
  for (const auto& [page, words] : texts) {
    knowledge::TermVectorBuilder vector;
    for (const std::string_view text : words)
      for (const std::string& lexeme : pg::Lexemes(config, text)) vector.Add(knowledge::kBody, lexeme);
    pages.push_back(page);
    vectors.push_back(vector.Pack());
  }
  if (!pages.empty()) pg::Execute(kInsert, {collection, document, &pages, &vectors});
}

void DeleteLinks(int64_t document) { pg::Execute(kDelete, {document}); }

InboundLinks::InboundLinks(int collection, const std::vector<std::string>& urls) : texts_(urls.size()) {
  std::vector<std::string> pages;
  for (const std::string& url : urls) pages.push_back(knowledge::PageOf(url));
  // What has no url cannot be linked to.
  if (std::all_of(pages.begin(), pages.end(), [](const std::string& page) { return page.empty(); })) return;
  rows_ = pg::Execute(kInbound, {collection, &pages});
  for (size_t i = 0; i < rows_.size(); ++i)
    texts_[static_cast<size_t>(rows_.Int(i, 0) - 1)].push_back(rows_.Text(i, 1));
}

}  // namespace capeai::store
