// Manifests of agent versions, parsed once per worker. A published version is
// immutable; drafts may change, so entries are looked at again after a while.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "agent/agent.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"

namespace capeai::worker {

class Manifests {
 public:
  // Needs a transaction as the extension's owner. nullptr with `problem` set
  // when the version is unknown, archived or cannot be read.
  std::shared_ptr<const Manifest> Get(const Uuid& version, MonoTime now, std::string* problem);

 private:
  struct Entry {
    std::shared_ptr<const Manifest> manifest;
    std::string problem;
    MonoTime read_at{};
  };
  std::unordered_map<Uuid, Entry> entries_;
};

}  // namespace capeai::worker
