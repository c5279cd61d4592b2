// Documents and collections: cutting, storing, and keeping the index informed.
#include "store/knowledge.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "knowledge/chunk.hpp"
#include "knowledge/identifiers.hpp"
#include "knowledge/terms.hpp"
#include "knowledge/text.hpp"
#include "pg/guard.hpp"
#include "pg/lexemes.hpp"
#include "pg/sql.hpp"
#include "store/index.hpp"
#include "store/links.hpp"

namespace capeai::store {
namespace {

using knowledge::Chunk;
using knowledge::PassageKey;
using pg::Type;

constexpr size_t kMaxNameBytes = 255;  // as the table's CHECK
constexpr size_t kMaxTitleChars = 10000;
constexpr size_t kMaxUrlBytes = 2000;  // an index holds it
constexpr size_t kDerivedTitleChars = 80;

const pg::Statement kFindCollection{
    "SELECT c.id, c.config::regconfig::oid, c.config, c.passage_tokens, c.overlap_tokens, "
    "       EXISTS (SELECT FROM capeai.index_state AS s WHERE s.collection_id = c.id) "
    "FROM capeai.collections AS c WHERE c.name = $1",
    {Type::kText}};

// The cast checks the configuration; its text form has the schema, because
// search_path is pg_catalog alone here.
const pg::Statement kInsertCollection{
    "INSERT INTO capeai.collections (name, config, passage_tokens, overlap_tokens) "
    "SELECT $1, n.nspname || '.' || quote_ident(c.cfgname), $3, $4 "
    "FROM pg_ts_config AS c JOIN pg_namespace AS n ON n.oid = c.cfgnamespace WHERE c.oid = $2 "
    "ON CONFLICT (name) DO NOTHING RETURNING id",
    {Type::kText, Type::kRegconfig, Type::kInt4, Type::kInt4}};

const pg::Statement kFindDocument{
    "SELECT id, content_hash = sha256($3) FROM capeai.documents WHERE collection_id = $1 AND url = $2 FOR "
    "UPDATE",
    {Type::kInt4, Type::kText, Type::kBytea}};

const pg::Statement kInsertDocument{
    "INSERT INTO capeai.documents (collection_id, title, url, type, keywords, metadata, content_hash) "
    "VALUES ($1, $2, $3, $4, $5, $6, sha256($7)) ON CONFLICT (collection_id, url) DO NOTHING RETURNING id",
    {Type::kInt4, Type::kText, Type::kText, Type::kText, Type::kTextArray, Type::kJsonb, Type::kBytea}};

const pg::Statement kUpdateDocument{
    "UPDATE capeai.documents SET title = $2, type = $3, keywords = $4, metadata = $5, content_hash = "
    "sha256($6), "
    "updated_at = now() WHERE id = $1",
    {Type::kInt8, Type::kText, Type::kText, Type::kTextArray, Type::kJsonb, Type::kBytea}};

// Passages and, in the same statement, their place among the index's pending ones.
const pg::Statement kInsertPassages{
    "WITH added AS ("
    "  INSERT INTO capeai.passages (document_id, ordinal, heading, content, tokens, terms) "
    "  SELECT $1, t.ordinal, t.heading, t.content, t.tokens, t.terms "
    "  FROM unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::bytea[]) "
    "       AS t (ordinal, heading, content, tokens, terms) "
    "  ORDER BY t.ordinal RETURNING id) "
    "INSERT INTO capeai.index_pending (collection_id, document_id, passage_id) "
    "SELECT $7, $1, id FROM added RETURNING passage_id",
    {Type::kInt8, Type::kInt4Array, Type::kTextArray, Type::kTextArray, Type::kInt4Array, Type::kByteaArray,
     Type::kInt4}};

const pg::Statement kDeletePassages{"DELETE FROM capeai.passages WHERE document_id = $1 RETURNING id",
                                    {Type::kInt8}};

const pg::Statement kDeleteDocument{"DELETE FROM capeai.documents WHERE id = $1 RETURNING collection_id",
                                    {Type::kInt8}};

const pg::Statement kLockDocument{"SELECT collection_id FROM capeai.documents WHERE id = $1 FOR UPDATE",
                                  {Type::kInt8}};

struct Collection {
  int id = 0;
  pg::Oid config = 0;
  std::string config_name;
  knowledge::ChunkOptions chunks;
  bool indexed = false;
};

std::optional<Collection> FindCollection(std::string_view name) {
  const pg::Rows rows = pg::Execute(kFindCollection, {name});
  if (rows.empty()) return std::nullopt;
  return Collection{static_cast<int>(rows.Int(0, 0)),
                    static_cast<pg::Oid>(rows.Int(0, 1)),
                    rows.String(0, 2),
                    {static_cast<int>(rows.Int(0, 3)), static_cast<int>(rows.Int(0, 4))},
                    rows.Bool(0, 5)};
}

// False if there is one of this name.
bool InsertCollection(const CollectionSpec& spec) {
  const pg::Rows rows = pg::Execute(
      kInsertCollection,
      {std::string_view(spec.name), std::string_view(spec.config), spec.passage_tokens, spec.overlap_tokens});
  if (rows.empty()) return false;
  StartIndex(static_cast<int>(rows.Int(0, 0)));
  return true;
}

Collection FindOrCreate(const std::string& name) {
  if (auto found = FindCollection(name)) return *found;
  InsertCollection({name});  // or another session just did
  if (auto found = FindCollection(name)) return *found;
  pg::Raise("40001", "collection \"" + name + "\" was made by a concurrent transaction");
}

[[noreturn]] void RaiseInvalid(std::string message, std::string hint) {
  pg::Raise(sqlstate::kInvalidParameter, std::move(message), std::move(hint));
}

void CheckName(const std::string& name) {
  if (knowledge::IsBlank(name) || name.size() > kMaxNameBytes)
    RaiseInvalid("the name of a collection must have 1 to " + std::to_string(kMaxNameBytes) + " bytes",
                 "For example 'default'.");
}

void Check(const NewDocument& document) {
  CheckName(document.collection);
  if (utf8::Length(document.title) > kMaxTitleChars)
    RaiseInvalid("title is longer than " + std::to_string(kMaxTitleChars) + " characters",
                 "Put the rest into content.");
  if (knowledge::IsBlank(document.content) && knowledge::IsBlank(document.title))
    RaiseInvalid("title and content are both empty", "Give the text of the document, or at least its title.");
  if (document.content.size() > knowledge::kMaxDocumentBytes)
    RaiseInvalid("content is larger than 10 MB", "Cut the document into several.");
  if (document.url && (knowledge::IsBlank(*document.url) || document.url->size() > kMaxUrlBytes))
    RaiseInvalid("url must have 1 to " + std::to_string(kMaxUrlBytes) + " bytes", "Use NULL for no url.");
  if (knowledge::IsBlank(document.type))
    RaiseInvalid("type is empty", "For example 'doc', 'guide' or 'video'.");
  if (!document.metadata_json.starts_with('{'))
    RaiseInvalid("metadata must be a JSON object", "For example {}.");
}

// Everything that passages and rows are made from, to be hashed.
std::string Identity(const NewDocument& document, const Collection& collection) {
  std::string all;
  for (const std::string_view part :
       {std::string_view(document.title), std::string_view(document.type),
        std::string_view(document.metadata_json), std::string_view(document.content),
        std::string_view(collection.config_name)})
    knowledge::PutBytes(all, part);
  for (const std::string& keyword : document.keywords) knowledge::PutBytes(all, keyword);
  for (const int number : {static_cast<int>(document.format), collection.chunks.passage_tokens,
                           collection.chunks.overlap_tokens})
    knowledge::PutVarint(all, static_cast<uint64_t>(number));
  return all;
}

// What is indexed under each field of every passage of a document.
class TermMaker {
 public:
  TermMaker(pg::Oid config, std::string_view title, const std::vector<std::string>& keywords)
      : config_(config) {
    AddTo(base_, knowledge::kTitle, title);
    for (const std::string& keyword : keywords) AddTo(base_, knowledge::kKeywords, keyword);
  }

  std::string Vector(const Chunk& chunk) const {
    knowledge::TermVectorBuilder vector = base_;
    AddTo(vector, knowledge::kHeading, chunk.heading);
    AddTo(vector, knowledge::kBody, chunk.text);
    return vector.Pack();
  }

 private:
  void AddTo(knowledge::TermVectorBuilder& vector, knowledge::Field field, std::string_view text) const {
    if (text.empty()) return;
    for (const std::string& lexeme : pg::Lexemes(config_, text)) vector.Add(field, lexeme);
    const std::string parts = knowledge::IdentifierParts(text);
    if (parts.empty()) return;
    for (const std::string& lexeme : pg::Lexemes(config_, parts)) vector.Add(knowledge::kParts, lexeme);
  }

  pg::Oid config_;
  knowledge::TermVectorBuilder base_;
};

std::vector<PassageKey> InsertPassages(int collection, int64_t document, const std::vector<Chunk>& chunks,
                                       const TermMaker& terms) {
  std::vector<int32_t> ordinals, tokens;
  std::vector<std::string> headings, texts, vectors;
  for (const Chunk& chunk : chunks) {
    ordinals.push_back(chunk.ordinal);
    headings.push_back(chunk.heading);
    texts.push_back(chunk.text);
    tokens.push_back(chunk.tokens);
    vectors.push_back(terms.Vector(chunk));
  }
  const pg::Rows rows =
      pg::Execute(kInsertPassages, {document, &ordinals, &headings, &texts, &tokens, &vectors, collection});
  std::vector<PassageKey> keys;
  for (size_t i = 0; i < rows.size(); ++i) keys.push_back({document, rows.Int(i, 0)});
  return keys;
}

void DeletePassages(int collection, int64_t document) {
  const pg::Rows rows = pg::Execute(kDeletePassages, {document});
  std::vector<PassageKey> keys;
  for (size_t i = 0; i < rows.size(); ++i) keys.push_back({document, rows.Int(i, 0)});
  IndexDeleted(collection, keys);
}

// The row of a new or changed document: its id, or nothing if it is unchanged.
struct StoredDocument {
  int64_t id = 0;
  bool existed = false;
  bool unchanged = false;
};

StoredDocument FindByUrl(const Collection& collection, const NewDocument& document,
                         std::string_view identity) {
  if (!document.url) return {};
  const pg::Rows rows =
      pg::Execute(kFindDocument, {collection.id, std::string_view(*document.url), identity});
  if (rows.empty()) return {};
  return {rows.Int(0, 0), true, rows.Bool(0, 1)};
}

// The title given, else the content's own, else its first words; empty if there
// is none of these.
std::string TitleOf(const NewDocument& document, const knowledge::Document& parsed,
                    const std::vector<Chunk>& chunks) {
  if (!knowledge::IsBlank(document.title)) return knowledge::CollapseSpace(document.title);
  if (!parsed.title.empty()) return std::string(utf8::PrefixChars(parsed.title, kMaxTitleChars));
  if (chunks.empty()) return "";
  return std::string(utf8::PrefixChars(knowledge::CollapseSpace(chunks.front().text), kDerivedTitleChars));
}

}  // namespace

void CreateCollection(const CollectionSpec& spec) {
  CheckName(spec.name);
  if (spec.passage_tokens < 32 || spec.passage_tokens > 8192)
    RaiseInvalid("passage_tokens must be between 32 and 8192", "300 suits most documents.");
  if (spec.overlap_tokens < 0 || spec.overlap_tokens > spec.passage_tokens / 2)
    RaiseInvalid("overlap_tokens must be between 0 and half of passage_tokens", "40 suits most documents.");
  if (!InsertCollection(spec)) pg::Raise("42710", "collection \"" + spec.name + "\" already exists");
}

AddedDocument AddDocument(const NewDocument& document) {
  Check(document);
  const Collection collection = FindOrCreate(document.collection);
  const std::string identity = Identity(document, collection);
  StoredDocument stored = FindByUrl(collection, document, identity);
  if (stored.unchanged) return {stored.id, 0, false};

  Result<knowledge::Document> parsed = knowledge::ParseDocument(document.content, document.format);
  if (!parsed) pg::Raise(parsed.take_error());
  std::vector<Chunk> chunks = knowledge::CutPassages(*parsed, collection.chunks);
  const std::string title = TitleOf(document, *parsed, chunks);
  if (title.empty()) RaiseInvalid("content has no visible text", "Check the format.");
  if (chunks.empty()) chunks.push_back({"", title, 0, knowledge::EstimateTokens(title)});  // a link, a video

  if (!stored.existed) {
    const pg::Param url = pg::Maybe(document.url);
    const pg::Rows rows =
        pg::Execute(kInsertDocument, {collection.id, std::string_view(title), url,
                                      std::string_view(document.type), &document.keywords,
                                      std::string_view(document.metadata_json), std::string_view(identity)});
    if (!rows.empty()) {
      stored.id = rows.Int(0, 0);
    } else {  // another session added it while we were parsing
      stored = FindByUrl(collection, document, identity);
      if (!stored.existed) pg::Raise("40001", "the document was added by a concurrent transaction");
      if (stored.unchanged) return {stored.id, 0, false};
    }
  }
  if (stored.existed) {
    pg::Execute(kUpdateDocument,
                {stored.id, std::string_view(title), std::string_view(document.type), &document.keywords,
                 std::string_view(document.metadata_json), std::string_view(identity)});
    DeletePassages(collection.id, stored.id);
    DeleteLinks(stored.id);
  }
  // A title that was made from the text says nothing more than the text.
  const bool own_title = !knowledge::IsBlank(document.title) || !parsed->title.empty();
  const TermMaker terms(collection.config, own_title ? title : "", document.keywords);
  if (document.url) InsertLinks(collection.id, stored.id, collection.config, *document.url, parsed->links);
  if (!collection.indexed) RebuildIndex(collection.id);
  const std::vector<PassageKey> keys = InsertPassages(collection.id, stored.id, chunks, terms);
  MaintainIndex(collection.id, keys);
  return {stored.id, static_cast<int>(keys.size()), true};
}

bool RemoveDocument(int64_t document_id) {
  const pg::Rows rows = pg::Execute(kLockDocument, {document_id});
  if (rows.empty()) return false;
  const int collection = static_cast<int>(rows.Int(0, 0));
  DeletePassages(collection, document_id);
  pg::Execute(kDeleteDocument, {document_id});
  MaintainIndex(collection, {});
  return true;
}

}  // namespace capeai::store
