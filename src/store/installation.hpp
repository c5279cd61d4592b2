// The row that names this database (capeai.installation), and the channel names
// made with its secret. Statements run as the extension's owner.
#pragma once

#include <string>

#include "base/uuid.hpp"
#include "pg/sql.hpp"

namespace capeai::store {

// The id of this installation. Written anew, with a new secret, where the row
// came with a copy from another cluster or database; `renewed` (may be nullptr)
// tells. May wait for another transaction that is just renewing it.
Uuid CurrentInstallation(bool* renewed = nullptr);

// The channel for the lifecycle of all tasks of `owner`: the same for the life of
// the installation, and not to be guessed. 44 characters, an unquoted identifier.
std::string UserChannel(pg::Oid owner);

}  // namespace capeai::store
