#include "pg/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace capeai::pg {
namespace {

constexpr off_t kMaxKeyBytes = 4096;

Error Refused(const char* setting, const std::string& message) {
  return Error{sqlstate::kNotInPrerequisiteState, std::string(setting) + ": " + message, "",
               "It must be a regular file of mode 0600 or 0400 that belongs to the user of the server."};
}

}  // namespace

Result<std::string> ReadKeyFile(const char* setting, const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return Refused(setting, "cannot be opened");
  struct stat info;
  const bool stated = fstat(fd, &info) == 0;
  std::string key;
  if (stated && S_ISREG(info.st_mode) && info.st_size <= kMaxKeyBytes) {
    char buffer[kMaxKeyBytes];
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n > 0) key.assign(buffer, static_cast<size_t>(n));
  }
  close(fd);
  if (!stated || !S_ISREG(info.st_mode)) return Refused(setting, "is not a regular file");
  if (info.st_uid != geteuid()) return Refused(setting, "belongs to another user");
  if ((info.st_mode & 0177) != 0) return Refused(setting, "can be read by others");
  if (info.st_size > kMaxKeyBytes) return Refused(setting, "is larger than 4 kB");
  while (!key.empty() && static_cast<unsigned char>(key.back()) <= ' ') key.pop_back();
  if (key.empty()) return Refused(setting, "is empty");
  return key;
}

}  // namespace capeai::pg
