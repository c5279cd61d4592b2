// The inverted index in tables: pending passages, segments and their blocks, and
// the passages that are gone (see sql/40_knowledge.sql). All of it obeys MVCC:
// a snapshot sees the passages it should see, once each, whoever merges meanwhile.
//
// Who may merge: a transaction merges what it wrote itself at any time, since
// nobody else sees that yet. What others committed is merged under an advisory
// lock that is taken without waiting and held to the end of the transaction.
#pragma once

#include <cstdint>
#include <vector>

#include "knowledge/segment.hpp"

namespace capeai::store {

// Tells the index that passages of `collection` were deleted from capeai.passages
// by this transaction. (Who inserts passages inserts them into
// capeai.index_pending by the same statement.)
void IndexDeleted(int collection, const std::vector<knowledge::PassageKey>& passages);

// Merges what has piled up. Cheap when nothing has; call it after every change.
// `inserted` are the passages that were just inserted, in ascending order.
void MaintainIndex(int collection, const std::vector<knowledge::PassageKey>& inserted);

// Marks a collection that was just created as indexed. Raises if it is already.
void StartIndex(int collection);
// Indexes a collection that is not in capeai.index_state (after a restore);
// leaves it to another transaction that is at it.
void RebuildIndex(int collection);

}  // namespace capeai::store
