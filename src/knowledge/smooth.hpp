// Neighbour smoothing: documents that resemble each other should score alike
// (the cluster hypothesis; Diaz, "Regularizing ad hoc retrieval scores", 2005).
// Each score of the first few results is mixed with those of its nearest
// neighbours among them. Knows only packed term vectors.
#pragma once

#include <string_view>
#include <vector>

namespace capeai::knowledge {

struct SmoothOptions {
  int neighbours = 5;
  double share = 0.3;  // of the new score that comes from the neighbours
};

// New scores for `scores`, whose passages have `vectors` (packed, as many as
// scores). Neighbours are found by cosine over (1 + log tf) * log(1 + n / df),
// with df counted among these n passages: what sets them apart from each other
// counts, and no statistics of the whole collection are needed.
std::vector<double> SmoothScores(const std::vector<double>& scores,
                                 const std::vector<std::string_view>& vectors, const SmoothOptions& options);

}  // namespace capeai::knowledge
