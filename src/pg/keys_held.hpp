// Leaving out the check of a foreign key that cannot fail.
//
// PostgreSQL checks the key of each inserted row by a statement of its own, which
// looks for the row that is referred to and locks it. Whoever holds those rows
// locked already knows that they are there and stay.
#pragma once

#include <initializer_list>

namespace capeai::pg {

// For its life time the foreign key of rows that are inserted into `tables` of the
// schema, and into no other, is not checked; for a caller that holds the rows of
// schema.referenced that they refer to locked until the end of the transaction.
// Everything is as usual where that check is not all that the tables have to do for a
// new row: somebody's trigger, rule or further key. (Not seen: functions in their
// CHECKs and defaults that write somewhere else; what they write is not checked either,
// as with session_replication_role.) Needs a transaction; locks the tables as an INSERT
// does.
class KeysHeld {
 public:
  KeysHeld(const char* schema, std::initializer_list<const char*> tables, const char* referenced);
  ~KeysHeld();
  KeysHeld(const KeysHeld&) = delete;
  KeysHeld& operator=(const KeysHeld&) = delete;

 private:
  int saved_role_;
};

}  // namespace capeai::pg
