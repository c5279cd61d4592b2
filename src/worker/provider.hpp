// Where requests go and with what: the settings of the provider as one
// consistent snapshot, taken at start and at every reload.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/time.hpp"
#include "net/egress.hpp"
#include "openai/request.hpp"

namespace capeai::worker {

struct Provider {
  bool configured = false;  // a key or a base_url of its own: a model can be asked
  std::string base_url;     // without trailing slash
  Credentials credentials;
  std::string ca_file;
  std::string proxy;
  Duration request_timeout{};
  size_t max_response_size = 0;
  std::shared_ptr<const net::EgressPolicy> egress;
  std::string problem;  // why it cannot be used (key file refused, ...); empty: none
};

// Reads settings, key file and environment. Never throws for bad settings: they
// end up in `problem`, which health shows and requests fail with.
Provider ReadProvider();

}  // namespace capeai::worker
