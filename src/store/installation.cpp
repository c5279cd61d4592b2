#include "store/installation.hpp"

#include "pg/guard.hpp"
#include "pg/session.hpp"

namespace capeai::store {
namespace {

using pg::Type;

const pg::Statement kFind{
    "SELECT id FROM capeai.installation WHERE system_identifier = $1 AND database_oid = $2",
    {Type::kInt8, Type::kOid}};

const pg::Statement kRenew{
    "INSERT INTO capeai.installation AS i (id, system_identifier, database_oid, secret)"
    " VALUES (gen_random_uuid(), $1, $2, sha256(uuid_send(gen_random_uuid()) || "
    "uuid_send(gen_random_uuid())))"
    " ON CONFLICT (single) DO UPDATE SET id = EXCLUDED.id, system_identifier = EXCLUDED.system_identifier,"
    " database_oid = EXCLUDED.database_oid, secret = EXCLUDED.secret"
    " WHERE i.system_identifier <> EXCLUDED.system_identifier OR i.database_oid <> EXCLUDED.database_oid"
    " RETURNING id",
    {Type::kInt8, Type::kOid}};

// A keyed hash, nested as in HMAC, of a message of fixed length.
const pg::Statement kChannel{
    "SELECT 'capeai_user_' || substr(encode(sha256(secret || sha256(secret || oidsend($1))), 'hex'), 1, 32)"
    " FROM capeai.installation",
    {Type::kOid}};

}  // namespace

Uuid CurrentInstallation(bool* renewed) {
  const int64_t system = pg::SystemIdentifier();
  const pg::Oid database = pg::DatabaseOid();
  if (renewed) *renewed = false;
  pg::Rows rows = pg::Execute(kFind, {system, int64_t{database}});
  if (rows.empty()) {
    rows = pg::Execute(kRenew, {system, int64_t{database}});
    if (renewed) *renewed = !rows.empty();
  }
  // Somebody else renewed it between the two statements.
  if (rows.empty()) rows = pg::Execute(kFind, {system, int64_t{database}});
  if (rows.empty()) pg::Raise("40001", "the installation was renewed by another transaction; try again");
  return rows.Id(0, 0);
}

std::string UserChannel(pg::Oid owner) {
  CurrentInstallation();
  return pg::Execute(kChannel, {int64_t{owner}}).String(0, 0);
}

}  // namespace capeai::store
