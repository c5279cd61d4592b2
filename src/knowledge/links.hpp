// Links between documents, and what their texts say of the pages that they lead
// to: a page is often called by other words elsewhere than on itself (anchor
// text; Craswell, Hawking, Robertson, "Effective site finding using link anchor
// information", SIGIR 2001). Knows no storage: who links to whom is handed in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "knowledge/rank.hpp"

namespace capeai::knowledge {

// The page that `href`, as written in the page `base`, leads to (RFC 3986, 5.2):
// without fragment, and without "index.html" at its end, so that it can be
// compared with PageOf(url). Empty for links within the page and for schemes
// other than http, https and file. `base` may be a bare path.
std::string ResolveLink(std::string_view base, std::string_view href);
// The same form of a document's own url.
std::string PageOf(std::string_view url);

struct LinkOptions {
  double k1 = 1.2;
  double b = 0.75;
  // Of the texts' BM25 beside the page's own: a hint, not content.
  double weight = 0.25;
};

// Adds to scores[i] what the links say that lead to page i: inbound[i] holds the
// packed term vectors of their texts, one for each linking page. `bounds` is
// Ranker::bounds() of `terms`. Lengths are measured against the average of these
// pages, so that no statistics of the whole collection are needed.
void AddLinkScores(std::vector<double>& scores, const std::vector<std::vector<std::string_view>>& inbound,
                   const std::vector<QueryTerm>& terms, const std::vector<double>& bounds,
                   const LinkOptions& options);

}  // namespace capeai::knowledge
