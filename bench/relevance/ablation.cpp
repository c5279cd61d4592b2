// What each ingredient of ranking brings: runs the product's ranker, without a
// server, over the passages and queries that bench/relevance/run wrote down, with
// the ingredients added one by one, and prints nDCG@10 for each step.
//
//   ablation WEAK FOLDER...
//
// WEAK has the weak words' lexemes, one a line. A folder has passages.tsv (url,
// document, passage, packed terms in hex), queries.tsv (id, term, weight) and
// qrels.tsv (query, url, grade). Output: step, then one figure for each folder.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "knowledge/rank.hpp"
#include "knowledge/smooth.hpp"
#include "knowledge/weak_words.hpp"

namespace capeai::knowledge {
namespace {

constexpr size_t kDepth = 10;
constexpr size_t kPool = 50;

struct Collection {
  std::map<int64_t, std::string> urls;        // by document
  std::map<PassageKey, std::string> vectors;  // packed
  std::map<std::string, std::vector<QueryTerm>> queries;
  std::map<std::string, std::map<std::string, double>> grades;
};

struct Step {
  const char* name;
  RankOptions options;
  bool weak = false;
  bool smooth = false;
};

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream in(line);
  for (std::string cell; std::getline(in, cell, '\t');) cells.push_back(cell);
  return cells;
}

template <class F>
void ForEachLine(const std::string& path, F f) {
  std::ifstream in(path);
  if (!in) {
    std::fprintf(stderr, "ablation: cannot read %s\n", path.c_str());
    std::exit(1);
  }
  for (std::string line; std::getline(in, line);) f(line);
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

Collection Read(const std::string& folder) {
  Collection collection;
  ForEachLine(folder + "/passages.tsv", [&](const std::string& line) {
    const auto cells = Cells(line);
    const PassageKey key{std::stoll(cells.at(1)), std::stoll(cells.at(2))};
    collection.urls[key.document] = cells.at(0);
    collection.vectors[key] = FromHex(cells.at(3));
  });
  ForEachLine(folder + "/queries.tsv", [&](const std::string& line) {
    const auto cells = Cells(line);
    collection.queries[cells.at(0)].push_back({cells.at(1), std::stod(cells.at(2))});
  });
  ForEachLine(folder + "/qrels.tsv", [&](const std::string& line) {
    const auto cells = Cells(line);
    if (std::stod(cells.at(2)) > 0) collection.grades[cells.at(0)][cells.at(1)] = std::stod(cells.at(2));
  });
  return collection;
}

// The index as one segment whose lists are looked up in memory.
class Index {
 public:
  explicit Index(const Collection& collection) {
    SegmentBuilder builder;
    for (const auto& [key, vector] : collection.vectors) builder.Add(key, vector);
    header_ = builder.Finish(
        [this](std::string_view first, std::string_view block) { blocks_.emplace(first, block); });
  }

  void Feed(Ranker& ranker) const {
    std::vector<std::string_view> lists;
    for (const QueryTerm& term : ranker.terms()) {
      auto at = blocks_.upper_bound(term.term);
      lists.push_back(at == blocks_.begin() ? std::string_view() : FindInBlock((--at)->second, term.term));
    }
    ranker.AddSegment(&header_, {}, lists);
  }

 private:
  SegmentHeader header_;
  std::map<std::string, std::string> blocks_;
};

std::vector<RankedDocument> Search(const Collection& collection, const Index& index, const Step& step,
                                   std::vector<QueryTerm> terms) {
  Ranker ranker(std::move(terms), step.options);
  index.Feed(ranker);
  std::vector<RankedDocument> ranked = ranker.Rank(kPool);
  if (!step.smooth) return ranked;
  std::vector<double> scores;
  std::vector<std::string_view> vectors;
  for (const RankedDocument& document : ranked) {
    scores.push_back(document.score);
    vectors.push_back(collection.vectors.at(document.best));
  }
  scores = SmoothScores(scores, vectors, {});
  for (size_t i = 0; i < ranked.size(); ++i) ranked[i].score = scores[i];
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const RankedDocument& a, const RankedDocument& b) { return a.score > b.score; });
  return ranked;
}

double Gain(const std::vector<double>& grades) {
  double sum = 0;
  for (size_t i = 0; i < grades.size() && i < kDepth; ++i)
    sum += grades[i] / std::log2(static_cast<double>(i) + 2);
  return sum;
}

double Ndcg(const Collection& collection, const Index& index, const Step& step,
            const std::set<std::string>& weak) {
  double sum = 0;
  for (const auto& [id, grades] : collection.grades) {
    std::vector<QueryTerm> terms;
    const auto query = collection.queries.find(id);
    if (query != collection.queries.end()) terms = query->second;
    if (!step.weak)
      for (QueryTerm& term : terms)
        if (weak.count(term.term)) term.weight /= kWeakWordWeight;
    std::vector<double> got, best;
    if (!terms.empty()) {
      for (const RankedDocument& document : Search(collection, index, step, terms)) {
        const auto grade = grades.find(collection.urls.at(document.best.document));
        got.push_back(grade == grades.end() ? 0 : grade->second);
      }
    }
    for (const auto& [url, grade] : grades) best.push_back(grade);
    std::sort(best.rbegin(), best.rend());
    sum += Gain(got) / Gain(best);
  }
  return sum / static_cast<double>(collection.grades.size());
}

std::vector<Step> Steps() {
  const RankOptions product;
  RankOptions options = product;
  options.weights = {1, 1, 1, 1, 0};
  options.document_share = 1;
  options.document_b = options.b;
  std::vector<Step> steps = {{"BM25", options}};
  options.weights[kTitle] = product.weights[kTitle];
  steps.push_back({"title field", options});
  options.document_share = product.document_share;
  steps.push_back({"best passage", options});
  options.weights[kHeading] = product.weights[kHeading];
  options.document_b = product.document_b;
  steps.push_back({"headings, long pages", options});
  options.weights[kParts] = product.weights[kParts];
  steps.push_back({"identifier parts", options});
  steps.push_back({"weak words", options, true});
  steps.push_back({"smoothing", options, true, true});
  return steps;
}

}  // namespace
}  // namespace capeai::knowledge

int main(int argc, char** argv) {
  using namespace capeai::knowledge;
  if (argc < 3) {
    std::fprintf(stderr, "usage: ablation WEAK FOLDER...\n");
    return 2;
  }
  std::set<std::string> weak;
  ForEachLine(argv[1], [&](const std::string& line) { weak.insert(line); });
  std::vector<Collection> collections;
  for (int i = 2; i < argc; ++i) collections.push_back(Read(argv[i]));
  std::vector<Index> indexes(collections.begin(), collections.end());
  for (const Step& step : Steps()) {
    std::printf("%s", step.name);
    for (size_t i = 0; i < collections.size(); ++i)
      std::printf("\t%.4f", Ndcg(collections[i], indexes[i], step, weak));
    std::printf("\n");
  }
  return 0;
}
