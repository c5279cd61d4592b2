// Which documents link to which pages, and with what words. A link is kept with
// the document that it stands in and names its target by url, so it holds from
// when both are there, in whatever order they come. Same rules as knowledge.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/document.hpp"
#include "pg/sql.hpp"

namespace capeai::store {

// Keeps the links of a document that has none kept, and whose url is `url`.
// Their words are lexemes of `config`. Of very many, the first are kept.
void InsertLinks(int collection, int64_t document, pg::Oid config, std::string_view url,
                 const std::vector<knowledge::Link>& links);

void DeleteLinks(int64_t document);

// Packed term vectors (body field) of the links that lead to the pages with these urls.
class InboundLinks {
 public:
  InboundLinks(int collection, const std::vector<std::string>& urls);
  InboundLinks(const InboundLinks&) = delete;
  InboundLinks& operator=(const InboundLinks&) = delete;

  // By page, in the order of the urls. Points into this object.
  const std::vector<std::vector<std::string_view>>& texts() const { return texts_; }

 private:
  pg::Rows rows_;
  std::vector<std::vector<std::string_view>> texts_;
};

}  // namespace capeai::store
