#include "policy/audit_chain.hpp"

#include <algorithm>

namespace capeai::policy {
namespace {

void Append(std::string& out, uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift & 0xff));
}

void Append(std::string& out, std::string_view text) {
  Append(out, static_cast<uint64_t>(text.size()));
  out.append(text);
}

}  // namespace

std::vector<Leaf> ParseLeaves(std::string_view events) {
  std::vector<Leaf> out(events.size() / kLeafBytes);
  for (size_t i = 0; i < out.size(); ++i) {
    const std::string_view piece = events.substr(i * kLeafBytes, kLeafBytes);
    uint64_t id = 0;
    for (size_t byte = 0; byte < 8; ++byte) id = id << 8 | static_cast<uint8_t>(piece[byte]);
    out[i].id = static_cast<int64_t>(id);
    std::copy(piece.begin() + 8, piece.end(), out[i].digest.begin());
  }
  return out;
}

std::string SealText(const Seal& seal) {
  std::string out = "capeai audit seal 1";
  Append(out, static_cast<uint64_t>(seal.seq));
  Append(out, static_cast<uint64_t>(seal.event_id));
  Append(out, static_cast<uint64_t>(seal.pruned_seq));
  Append(out, static_cast<uint64_t>(seal.created_at.time_since_epoch().count()));
  Append(out, seal.pruned_hash);
  Append(out, seal.key_id);
  Append(out, seal.prev);
  Append(out, seal.events);
  return out;
}

std::vector<IdRange> MissingAfter(int64_t head, const std::vector<Leaf>& leaves) {
  std::vector<IdRange> out;
  for (const Leaf& leaf : leaves) {
    if (leaf.id <= head) continue;
    if (leaf.id > head + 1) out.push_back({head + 1, leaf.id - 1});
    head = leaf.id;
  }
  return out;
}

void ChainCheck::CheckLinks(const Seal& seal) {
  if (seq_ == 0) {
    first_seq_ = seal.seq;
    first_prev_ = seal.prev;
  } else if (seal.seq != seq_ + 1) {
    problems_.push_back({seal.seq, 0, "the links before this one are missing"});
  } else if (seal.prev != hash_of_last_) {
    problems_.push_back({seal.seq, 0, "does not continue the link before it"});
  }
  if (seal.key_id.empty() && keyed_) last_without_key_ = seal.seq;
  const std::string hash = hash_(seal);
  if (hash.empty())
    last_with_other_key_ = seal.seq;
  else if (hash != seal.hash)
    problems_.push_back({seal.seq, 0, "the link itself was changed"});
  if (seal.pruned_seq == 0) return;
  pruned_seq_ = seal.pruned_seq;
  pruned_hash_ = seal.pruned_hash;
}

void ChainCheck::CheckEvents(const Seal& seal) {
  const std::vector<Leaf> sealed = ParseLeaves(seal.events);
  std::vector<int64_t> late;  // of transactions that ended after those behind them
  for (const Leaf& leaf : sealed)
    if (leaf.id <= event_id_) late.push_back(leaf.id);
  const std::vector<Leaf> there = lookup_({event_id_ + 1, seal.event_id}, late);
  auto now = there.begin();
  for (const Leaf& leaf : sealed) {
    for (; now != there.end() && now->id < leaf.id; ++now) unsealed_.emplace(now->id, seal.seq);
    if (now == there.end() || now->id != leaf.id) {
      problems_.push_back({seal.seq, leaf.id, "the event was deleted"});
      continue;
    }
    if (now->digest != leaf.digest) problems_.push_back({seal.seq, leaf.id, "the event was changed"});
    ++now;
    unsealed_.erase(leaf.id);
  }
  for (; now != there.end(); ++now) unsealed_.emplace(now->id, seal.seq);
}

void ChainCheck::Add(const Seal& seal) {
  CheckLinks(seal);
  CheckEvents(seal);
  seq_ = seal.seq;
  event_id_ = std::max(event_id_, seal.event_id);
  hash_of_last_ = seal.hash;
}

std::vector<ChainProblem> ChainCheck::Finish(const std::vector<IdRange>& open) {
  const bool from_start = first_seq_ == 1 && first_prev_ == NoHash();
  const bool from_checkpoint =
      pruned_seq_ > 0 && first_seq_ == pruned_seq_ + 1 && first_prev_ == pruned_hash_;
  if (first_seq_ > 0 && !from_start && !from_checkpoint)
    problems_.push_back({first_seq_, 0, "the links before this one are missing, and not by retention"});
  if (last_without_key_ > 0)
    problems_.push_back({last_without_key_, 0, "up to here there are links that were made without a key"});
  if (last_with_other_key_ > 0)
    problems_.push_back({last_with_other_key_, 0,
                         "up to here there are links of another key than capeai.audit_key_file has now"});
  for (const auto& [event, seal] : unsealed_) {
    const bool may_come = std::any_of(open.begin(), open.end(), [id = event](const IdRange& range) {
      return range.first <= id && id <= range.last;
    });
    if (!may_come) problems_.push_back({seal, event, "the event was slipped in: no link has it"});
  }
  return std::move(problems_);
}

}  // namespace capeai::policy
