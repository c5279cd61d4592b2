#include "api/load_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "knowledge/document.hpp"
#include "pg/guard.hpp"
#include "pg/progress.hpp"
#include "pg/session.hpp"
#include "pg/transaction.hpp"
#include "store/knowledge.hpp"

namespace capeai::api {
namespace {

constexpr int kMaxDepth = 64;
constexpr int kNoticeEvery = 1000;  // files

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

struct Entry {
  std::string name;
  bool directory = false;
};

// Directories and documents in an open directory, by name; what is neither, and
// every symbolic link, is left out. Takes the descriptor.
std::vector<Entry> ListEntries(int fd) {
  std::vector<Entry> entries;
  DIR* dir = fdopendir(fd);
  if (!dir) {
    close(fd);
    return entries;
  }
  while (const dirent* found = readdir(dir)) {
    const std::string name = found->d_name;
    struct stat info;
    if (name == "." || name == ".." || fstatat(fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(info.st_mode)) entries.push_back({name, true});
    if (S_ISREG(info.st_mode) && knowledge::FormatFromFileName(name)) entries.push_back({name, false});
  }
  closedir(dir);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

std::string ErrnoText() { return std::strerror(errno); }

// The whole file, at most kMaxDocumentBytes. Never waits for a pipe or device.
Result<std::string> ReadFile(int directory, const std::string& name) {
  const Descriptor file(openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info;
  if (file.get() < 0 || fstat(file.get(), &info) != 0)
    return Error{"58030", "could not open file: " + ErrnoText(), {}, {}};
  if (!S_ISREG(info.st_mode)) return Error{"58030", "not a regular file", {}, {}};
  std::string content;
  char buffer[65536];
  for (;;) {
    const ssize_t n = read(file.get(), buffer, sizeof(buffer));
    if (n == 0) return content;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error{"58030", "could not read file: " + ErrnoText(), {}, {}};
    content.append(buffer, static_cast<size_t>(n));
    if (content.size() > knowledge::kMaxDocumentBytes)
      return Error{sqlstate::kInvalidParameter, "file is larger than 10 MB", {}, {}};
  }
}

class Loader {
 public:
  explicit Loader(const LoadRequest& request) : request_(request) {
    prefix_ = request.base_url.value_or("file://" + request.path);
    while (!prefix_.empty() && prefix_.back() == '/') prefix_.pop_back();
  }

  // Takes the descriptor. `below` is the path of the directory below the root,
  // empty or with a slash at its end.
  void LoadTree(int fd, const std::string& below, int depth) {
    const Descriptor directory(fd);
    for (const Entry& entry : ListEntries(dup(fd))) {
      pg::CheckInterrupts();
      if (!entry.directory) {
        LoadFile(directory.get(), entry.name, below + entry.name);
        continue;
      }
      const int child = openat(fd, entry.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (child < 0 || depth == kMaxDepth) {
        if (child >= 0) close(child);
        Fail(below + entry.name, child < 0 ? "could not open directory: " + ErrnoText() : "too many levels");
        continue;
      }
      LoadTree(child, below + entry.name + "/", depth + 1);
    }
  }

  const LoadSummary& summary() const { return summary_; }

 private:
  void LoadFile(int directory, const std::string& name, const std::string& below) {
    Announce(below);
    Result<std::string> content = ReadFile(directory, name);
    if (!content) return Fail(below, content.error().message);
    store::NewDocument document;
    document.content = std::move(*content);
    document.url = prefix_ + "/" + below;
    document.collection = request_.collection;
    document.format = *knowledge::FormatFromFileName(name);
    try {
      pg::Subtransaction subtransaction;
      const store::AddedDocument added = store::AddDocument(document);
      subtransaction.Commit();
      ++(added.changed ? summary_.documents : summary_.unchanged);
      summary_.passages += added.passages;
    } catch (const pg::PgError& error) {
      if (error.error().sqlstate == sqlstate::kQueryCanceled) throw;
      Fail(below, error.error().message);
    }
  }

  void Fail(const std::string& below, const std::string& why) {
    ++summary_.failed;
    pg::ClientWarning("could not load \"" + below + "\"", why);
  }

  void Announce(const std::string& below) {
    const int files = summary_.documents + summary_.unchanged + summary_.failed;
    const std::string count =
        std::to_string(files) + " files, " + std::to_string(summary_.passages) + " passages";
    activity_.Report("capeai_load_directory: " + count + ", now " + below);
    if (files > 0 && files % kNoticeEvery == 0) pg::Notice("capeai_load_directory: " + count);
  }

  const LoadRequest& request_;
  std::string prefix_;
  pg::Activity activity_;
  LoadSummary summary_;
};

}  // namespace

LoadSummary LoadDirectory(const LoadRequest& request) {
  if (!request.path.starts_with('/'))
    pg::Raise(sqlstate::kInvalidParameter, "path \"" + request.path + "\" is not absolute",
              "Name a directory of the server, beginning with /.");
  const int root = open(request.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    pg::Raise(sqlstate::kInvalidParameter,
              "could not open directory \"" + request.path + "\": " + ErrnoText(),
              "The server's user must be able to read it.");
  Loader loader(request);
  loader.LoadTree(root, "", 0);
  return loader.summary();
}

}  // namespace capeai::api
