#include "worker/manifests.hpp"

#include "store/work.hpp"

namespace capeai::worker {
namespace {

constexpr Duration kKeep = std::chrono::seconds(1);
constexpr size_t kMaxEntries = 1000;

}  // namespace

std::shared_ptr<const Manifest> Manifests::Get(const Uuid& version, MonoTime now, std::string* problem) {
  const auto known = entries_.find(version);
  if (known != entries_.end() && now - known->second.read_at < kKeep) {
    *problem = known->second.problem;
    return known->second.manifest;
  }
  if (entries_.size() > kMaxEntries) entries_.clear();
  Entry entry;
  const auto row = store::LoadVersion(version);
  const bool may_change = row && row->status == "draft";
  entry.read_at = may_change ? now - kKeep : now;
  if (!row) {
    entry.problem = "the agent's version does not exist any more";
  } else if (row->status == "archived") {
    entry.problem = "the agent's version is archived";
  } else if (!row->intact) {
    entry.problem = "the manifest of the agent's version is not what was stored";
  } else {
    auto parsed = ParseManifest(Json::Parse(row->manifest));
    if (auto* manifest = std::get_if<Manifest>(&parsed))
      entry.manifest = std::make_shared<const Manifest>(std::move(*manifest));
    else
      entry.problem = "the agent's manifest cannot be read";
  }
  *problem = entry.problem;
  auto manifest = entry.manifest;
  entries_.insert_or_assign(version, std::move(entry));
  return manifest;
}

}  // namespace capeai::worker
