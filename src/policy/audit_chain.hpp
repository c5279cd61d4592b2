// The chain of seals over the audit trail: what a link says, how it is hashed,
// and what is wrong with a chain that is held against the events that are there.
// Knows no database and no hash function: hashes come in.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace capeai::policy {

// An event as a seal has it: its id and the first 16 bytes of its SHA-256.
struct Leaf {
  int64_t id = 0;
  std::array<uint8_t, 16> digest{};
};
inline constexpr size_t kLeafBytes = 24;
// From the column audit_seals.events; a piece at the end that is no whole leaf is left out.
std::vector<Leaf> ParseLeaves(std::string_view events);

// Ids, both included.
struct IdRange {
  int64_t first = 0, last = 0;
};

struct Seal {
  int64_t seq = 0;         // 1, 2, ...
  int64_t event_id = 0;    // the chain covers events up to this one
  std::string events;      // leaves, by id
  int64_t pruned_seq = 0;  // 0: none
  std::string pruned_hash;
  std::string key_id;  // empty: no key
  std::string prev, hash;
  WallTime created_at;
};

// `prev` of the first.
inline const std::string& NoHash() {
  static const std::string zeros(32, '\0');
  return zeros;
}

// What the hash of a link is made from.
std::string SealText(const Seal& seal);

// The ids after `head` up to the last leaf that no leaf has: rolled back, or of
// transactions that have not ended.
std::vector<IdRange> MissingAfter(int64_t head, const std::vector<Leaf>& leaves);

struct ChainProblem {
  int64_t seal = 0;   // 0: none
  int64_t event = 0;  // 0: none
  std::string problem;
};

// Holds a chain against what is there. Give it every seal, by seq, with
// the events to look at; then Finish().
class ChainCheck {
 public:
  // What Add() needs of the table: the leaves of the events that are there now with
  // ids in `range` or among `ids`, by id.
  using Lookup = std::function<std::vector<Leaf>(const IdRange& range, const std::vector<int64_t>& ids)>;
  // The hash that a seal should have; empty: it was made with a key that is not at hand.
  using Hash = std::function<std::string(const Seal&)>;

  ChainCheck(Hash hash, Lookup lookup, bool keyed)
      : hash_(std::move(hash)), lookup_(std::move(lookup)), keyed_(keyed) {}

  void Add(const Seal& seal);
  // `open`: ids that transactions under way may still bring, of the last seal.
  std::vector<ChainProblem> Finish(const std::vector<IdRange>& open);
  int64_t last_seq() const { return seq_; }
  int64_t last_event() const { return event_id_; }
  const std::string& last_hash() const { return hash_of_last_; }

 private:
  void CheckLinks(const Seal& seal);
  void CheckEvents(const Seal& seal);

  Hash hash_;
  Lookup lookup_;
  bool keyed_;
  std::vector<ChainProblem> problems_;
  int64_t first_seq_ = 0;
  std::string first_prev_;
  int64_t seq_ = 0;
  int64_t event_id_ = 0;
  std::string hash_of_last_;
  int64_t pruned_seq_ = 0;
  std::string pruned_hash_;
  int64_t last_without_key_ = 0;
  int64_t last_with_other_key_ = 0;
  std::map<int64_t, int64_t> unsealed_;  // event, and the seal in whose range it stands
};

}  // namespace capeai::policy
