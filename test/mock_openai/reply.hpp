// A response as the bytes that will be written and when. Built by responses.cpp
// and service.cpp, played by connection.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mock {

struct Piece {
  int64_t delay = 0;  // microseconds after the piece before it (or after the request)
  std::string bytes;  // one write
};

enum class Ending {
  kKeepAlive,
  kClose,  // in order (FIN)
  kReset,  // RST
  kHang,   // nothing more until the client leaves
};

struct Reply {
  int status = 0;  // 0: no head is ever sent
  std::vector<Piece> pieces;
  std::string repeat;  // written for ever after the pieces; empty: not
  Ending ending = Ending::kKeepAlive;
  uint64_t record = 0;  // of the report; 0: not a request that counts
};

}  // namespace mock
