#include "knowledge/links.hpp"

#include <algorithm>
#include <unordered_map>

#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

constexpr std::string_view kIndexPage = "index.html";

// "https" of "https://x", without the colon; empty if there is none.
std::string_view SchemeOf(std::string_view url) {
  const size_t colon = url.find(':');
  if (colon == 0 || colon == std::string_view::npos) return {};
  const auto letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  const auto rest = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  };
  const std::string_view scheme = url.substr(0, colon);
  return letter(scheme[0]) && std::all_of(scheme.begin(), scheme.end(), rest) ? scheme : std::string_view();
}

// Where the path begins: behind "scheme://authority", or at once.
size_t PathBegin(std::string_view url) {
  const std::string_view scheme = SchemeOf(url);
  size_t at = scheme.empty() ? 0 : scheme.size() + 1;
  if (url.substr(at).starts_with("//")) at = url.find('/', at + 2);
  return std::min(at, url.size());
}

// `path` without its "." and "..", which never climb above the root.
std::string RemoveDots(std::string_view path) {
  std::vector<std::string_view> kept;
  const bool rooted = path.starts_with('/');
  bool directory = false;
  for (size_t begin = rooted ? 1 : 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    directory = part.empty() || part == "." || part == "..";
    if (part == ".." && !kept.empty()) kept.pop_back();
    if (!directory) kept.push_back(part);
    begin = end + 1;
  }
  std::string clean(rooted ? "/" : "");
  for (size_t i = 0; i < kept.size(); ++i) clean.append(i == 0 ? "" : "/").append(kept[i]);
  if (directory && !kept.empty()) clean += '/';
  return clean;
}

}  // namespace

std::string PageOf(std::string_view url) {
  url = url.substr(0, url.find('#'));
  const std::string_view path = url.substr(0, url.find('?'));
  const size_t begin = PathBegin(path);
  std::string page = std::string(path.substr(0, begin)) + RemoveDots(path.substr(begin));
  if (page.ends_with("/" + std::string(kIndexPage)) || page == kIndexPage)
    page.resize(page.size() - kIndexPage.size());
  return page.append(url.substr(path.size()));
}

std::string ResolveLink(std::string_view base, std::string_view href) {
  href = Trim(href);
  href = href.substr(0, href.find('#'));
  if (href.empty()) return "";
  if (const std::string_view scheme = SchemeOf(href); !scheme.empty()) {
    const std::string name = LowerAscii(scheme);
    return name == "http" || name == "https" || name == "file" ? PageOf(href) : "";
  }
  base = base.substr(0, base.find_first_of("?#"));
  const size_t path = PathBegin(base);
  std::string url(base);
  if (href.starts_with("//")) {
    url.resize(SchemeOf(base).empty() ? 0 : SchemeOf(base).size() + 1);
  } else if (href.starts_with('/')) {
    url.resize(path);
  } else if (path > 0 && path == base.size()) {
    url += '/';
  } else if (!href.starts_with('?')) {
    url.resize(base.rfind('/') + 1);
  }
  return PageOf(url.append(href));
}

void AddLinkScores(std::vector<double>& scores, const std::vector<std::vector<std::string_view>>& inbound,
                   const std::vector<QueryTerm>& terms, const std::vector<double>& bounds,
                   const LinkOptions& options) {
  const size_t n = scores.size();
  std::unordered_map<std::string_view, size_t> wanted;
  for (size_t t = 0; t < terms.size(); ++t) wanted.emplace(terms[t].term, t);
  std::vector<double> lengths(n), counts(n * terms.size());
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    for (const std::string_view packed : inbound[i]) {
      TermVectorReader reader(packed);
      lengths[i] += reader.lengths()[kBody];
      while (reader.Next())
        if (const auto at = wanted.find(reader.term()); at != wanted.end())
          counts[i * terms.size() + at->second] += reader.counts()[kBody];
    }
    sum += lengths[i];
  }
  if (sum == 0) return;
  const double average = sum / static_cast<double>(n);
  for (size_t i = 0; i < n; ++i) {
    const double norm = options.k1 * (1 - options.b + options.b * lengths[i] / average);
    for (size_t t = 0; t < terms.size(); ++t) {
      const double count = counts[i * terms.size() + t];
      if (count > 0) scores[i] += options.weight * bounds[t] * count / (count + norm);
    }
  }
}

}  // namespace capeai::knowledge
