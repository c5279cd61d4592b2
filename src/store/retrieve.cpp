#include "store/retrieve.hpp"

#include "pg/guard.hpp"
#include "pg/session.hpp"
#include "pg/sql.hpp"
#include "store/knowledge.hpp"

namespace capeai::store {
namespace {

std::vector<Passage> FromCollection(const SearchRequest& request) {
  pg::AsExtensionOwner as_owner;
  return SearchPassages(request.query, request.collection, request.max_results, request.context);
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
