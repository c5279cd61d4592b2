// SHA-256 and HMAC-SHA-256, by PostgreSQL's own implementation (which is
// OpenSSL's where the server was built with it).
#pragma once

#include <string>
#include <string_view>

namespace capeai::pg {

// All of it needs a transaction: it belongs to its resources.

// 32 bytes. With a key: the HMAC (RFC 2104) of `data`. Raises XX000 should the
// server's library refuse.
std::string Sha256(std::string_view data, std::string_view key = {});

// Bytes in hexadecimal.
std::string Hex(std::string_view bytes);

// Tells keys of the audit trail apart without saying anything of them; empty for none.
std::string AuditKeyId(std::string_view key);

}  // namespace capeai::pg
