// The version of the library, and what the row security policies ask it.
#include "pg/args.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"

using namespace capeai;

CAPEAI_FUNCTION(capeai_library_version) { return pg::TextResult(CAPEAI_VERSION); }

// The role whose rights hold now, as an oid: names can be given anew.
CAPEAI_FUNCTION(capeai_policy_role) { return ObjectIdGetDatum(GetUserId()); }

// With capeai.require_user_id on, the only user_id whose rows may be seen (the
// empty one of no row); otherwise NULL.
CAPEAI_FUNCTION(capeai_policy_user_id) {
  if (pg::settings::RequireUserId()) return pg::TextResult(pg::settings::UserId());
  fcinfo->isnull = true;
  return 0;
}
