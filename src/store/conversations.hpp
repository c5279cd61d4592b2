// Conversations: whose they are, and what was said in them. Statements run as
// the extension's owner, with the snapshot that is active: an ask holds pg::LatestSnapshot, so that it hears
// what was said since its transaction began, as the worker does.
#pragma once

#include <string>
#include <vector>

#include "base/turn.hpp"
#include "base/uuid.hpp"

namespace capeai::store {

// Whether nobody has used the conversation yet, or this owner and user_id have.
bool MayUseConversation(const Uuid& conversation, unsigned owner, const std::string& user_id);

// Earlier turns of a conversation of `owner`, oldest first: the latest `limit`
// that came before task `before`.
std::vector<Turn> LoadTurns(const Uuid& conversation, unsigned owner, const Uuid& before, int limit);

}  // namespace capeai::store
