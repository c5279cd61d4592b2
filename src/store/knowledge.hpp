// The knowledge base as the rest of the product sees it: documents go in,
// passages come out ranked. Statements run in the caller's transaction, with the
// caller's snapshot rules, and need the rights of the extension's owner: callers
// in a backend hold pg::AsExtensionOwner. Nothing here checks who asks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/search.hpp"
#include "knowledge/document.hpp"
#include "knowledge/rank.hpp"

namespace capeai::store {

// The documents of `collection` that speak of `query`, best first, each once, by
// its best passage. A query without any indexed word finds nothing.
// `max_results` is 1..1000. `context_json` is an object; of its members
// current_page is a gentle prior for documents whose url it is or contains.
// Works on a standby and in READ ONLY transactions.
// Raises 42704 for an unknown collection, 22023 for a blank query, for
// max_results out of range and for a context that is no object.
std::vector<Passage> SearchPassages(std::string_view query, std::string_view collection, int max_results,
                                    std::string_view context_json);

// The terms that such a query is searched by, for explaining results and for the
// benchmark of ranking. Raises 42704 for an unknown collection.
std::vector<knowledge::QueryTerm> SearchTerms(std::string_view query, std::string_view collection);

struct CollectionSpec {
  std::string name;
  std::string config = "english";  // a text search configuration, as regconfig reads it
  int passage_tokens = 300;
  int overlap_tokens = 40;
};

// Raises 22023 for a bad name or size, 42710 if the collection exists.
void CreateCollection(const CollectionSpec& spec);

struct NewDocument {
  std::string title;  // empty: taken from the content
  std::string content;
  std::optional<std::string> url;
  std::string type = "doc";
  std::vector<std::string> keywords;
  std::string collection = "default";
  knowledge::Format format = knowledge::Format::kMarkdown;
  std::string metadata_json = "{}";
};

struct AddedDocument {
  int64_t id = 0;
  int passages = 0;
  bool changed = true;  // false: it was already there, with this content
};

// Adds, or replaces the document with the same (collection, url). A collection
// named here first is created with the defaults. Raises 22023 for what is too
// long, blank or larger than 10 MB.
AddedDocument AddDocument(const NewDocument& document);

// Whether there was such a document.
bool RemoveDocument(int64_t document_id);

}  // namespace capeai::store
