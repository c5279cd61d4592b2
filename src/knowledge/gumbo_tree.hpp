// gumbo's parse tree with an owner. Internal to knowledge/.
#pragma once

#include <gumbo.h>

#include <memory>
#include <string>

namespace capeai::knowledge {

class GumboArena;

// Parses `html`, which must have gone through FilterHtml (bounded depth and
// number of elements). Everything gumbo allocates lives in one arena and goes
// with it: gumbo_destroy_output is recursive and slow. Throws bad_alloc only;
// gumbo itself does not check malloc.
class GumboTree {
 public:
  explicit GumboTree(std::string html);
  ~GumboTree();
  GumboTree(const GumboTree&) = delete;
  GumboTree& operator=(const GumboTree&) = delete;

  const GumboNode* root() const { return root_; }

 private:
  std::string html_;  // the tree points into it
  std::unique_ptr<GumboArena> arena_;
  const GumboNode* root_ = nullptr;
};

}  // namespace capeai::knowledge
