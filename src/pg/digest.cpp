#include "pg/postgres.hpp"

extern "C" {
#include "common/cryptohash.h"
#include "common/hmac.h"
#include "common/sha2.h"
}

#include "pg/digest.hpp"
#include "pg/guard.hpp"

namespace capeai::pg {
namespace {

const uint8* Bytes(std::string_view text) { return reinterpret_cast<const uint8*>(text.data()); }

bool HashUnsafe(std::string_view data, uint8* out) {
  pg_cryptohash_ctx* context = pg_cryptohash_create(PG_SHA256);
  const bool done = context && pg_cryptohash_init(context) >= 0 &&
                    pg_cryptohash_update(context, Bytes(data), data.size()) >= 0 &&
                    pg_cryptohash_final(context, out, PG_SHA256_DIGEST_LENGTH) >= 0;
  pg_cryptohash_free(context);
  return done;
}

bool HmacUnsafe(std::string_view data, std::string_view key, uint8* out) {
  pg_hmac_ctx* context = pg_hmac_create(PG_SHA256);
  const bool done = context && pg_hmac_init(context, Bytes(key), key.size()) >= 0 &&
                    pg_hmac_update(context, Bytes(data), data.size()) >= 0 &&
                    pg_hmac_final(context, out, PG_SHA256_DIGEST_LENGTH) >= 0;
  pg_hmac_free(context);
  return done;
}

}  // namespace

std::string Sha256(std::string_view data, std::string_view key) {
  uint8 out[PG_SHA256_DIGEST_LENGTH];
  const bool done = Guarded([&] { return key.empty() ? HashUnsafe(data, out) : HmacUnsafe(data, key, out); });
  if (!done) Raise("XX000", "capeai: SHA-256 could not be computed");
  return std::string(reinterpret_cast<const char*>(out), sizeof out);
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

std::string AuditKeyId(std::string_view key) {
  return key.empty() ? "" : Hex(Sha256("capeai audit key", key)).substr(0, 16);
}

}  // namespace capeai::pg
