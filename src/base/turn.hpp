// One turn of a conversation: what was asked and what was answered.
#pragma once

#include <string>

namespace capeai {

struct Turn {
  std::string query;
  std::string response;
};

}  // namespace capeai
