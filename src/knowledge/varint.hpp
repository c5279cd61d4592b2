// Unsigned integers in 7-bit groups, least significant first (LEB128), and
// byte strings behind their length: the alphabet of everything the index packs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace capeai::knowledge {

inline void PutVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline void PutBytes(std::string& out, std::string_view bytes) {
  PutVarint(out, bytes.size());
  out.append(bytes);
}

// Signed as unsigned, small magnitudes first: 0, -1, 1, -2, ...
inline uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// Reads what the functions above wrote. After a read beyond the end, or an
// overlong number, ok() is false for good and every read gives 0 or "".
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return at_ == end_; }

  uint64_t Varint() {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) return static_cast<uint8_t>(*at_++);
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const uint8_t byte = static_cast<uint8_t>(*at_++);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail(), 0;
  }

  std::string_view Bytes() {
    const uint64_t size = Varint();
    if (size > static_cast<uint64_t>(end_ - at_)) return Fail(), std::string_view();
    const std::string_view bytes(at_, size);
    at_ += size;
    return bytes;
  }

 private:
  void Fail() {
    ok_ = false;
    at_ = end_;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace capeai::knowledge
