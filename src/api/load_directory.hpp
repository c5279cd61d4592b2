// capeai_load_directory: a tree of files into a collection.
#pragma once

#include <optional>
#include <string>

namespace capeai::api {

struct LoadRequest {
  std::string path;  // absolute path of a directory of the server
  std::string collection;
  std::optional<std::string> base_url;  // url of a document: this, "/", the path below; none: file://
};

struct LoadSummary {
  int documents = 0;  // added or replaced
  int passages = 0;   // of those
  int unchanged = 0;
  int failed = 0;  // each with a WARNING
};

// Adds every file below `path` whose name ends like Markdown, HTML or text, in
// the order of names, each in a subtransaction: a bad file is counted and does
// not end the load. Follows no symbolic links. Tells its progress in
// pg_stat_activity and every thousand files by NOTICE. Raises 22023 for a path
// that is relative or no directory. Must run as the extension's owner.
LoadSummary LoadDirectory(const LoadRequest& request);

}  // namespace capeai::api
