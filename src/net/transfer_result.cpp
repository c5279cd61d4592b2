// Transfer, second half: what came of it, as curl and we have seen it.
#include "net/outcome.hpp"
#include "net/transfer.hpp"

namespace capeai::net {

HttpResult Transfer::Collect(CURLcode code, MonoTime now) const {
  HttpResult result;
  result.error = fault != HttpError::kNone ? fault : ErrorOf(code, head_done_);
  if (result.error == HttpError::kConnect && blocked_ && !admitted_) result.error = HttpError::kBlocked;
  // curl takes a connection that ends within the headers for the response's end.
  const bool headless = result.ok() && !head_done_;
  if (headless) {
    result.error = HttpError::kReset;
    result.message = "the connection ended within the response's headers";
  } else if (fault != HttpError::kNone || result.error == HttpError::kBlocked) {
    result.message = fault_text;
  } else if (code != CURLE_OK) {
    result.message = curl_text_[0] ? curl_text_ : curl_easy_strerror(code);
  }
  result.status = head_done_ ? status_ : 0;
  result.timings.total = now - started_;
  result.bytes_in = header_bytes_ + body_bytes_;
  if (!shard) return result;  // curl never had it; its figures are of an earlier request

  const auto time = [&](CURLINFO what) {
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy, what, &microseconds);
    return microseconds > 0 ? Duration(microseconds) + (placed_ - started_) : Duration(0);
  };
  const auto number = [&](CURLINFO what) {
    long value = 0;
    curl_easy_getinfo(easy, what, &value);
    return value;
  };
  result.reused = requested_ && number(CURLINFO_NUM_CONNECTS) == 0;
  if (!result.reused) {
    result.timings.resolved = time(CURLINFO_NAMELOOKUP_TIME_T);
    result.timings.connected = time(CURLINFO_CONNECT_TIME_T);
    result.timings.tls_done = time(CURLINFO_APPCONNECT_TIME_T);
  }
  if (header_bytes_ > 0) result.timings.first_byte = time(CURLINFO_STARTTRANSFER_TIME_T);
  const long version = number(CURLINFO_HTTP_VERSION);
  result.http_version = version == CURL_HTTP_VERSION_2_0   ? 20
                        : version == CURL_HTTP_VERSION_1_1 ? 11
                        : version == CURL_HTTP_VERSION_1_0 ? 10
                                                           : 0;
  const long sent = number(CURLINFO_REQUEST_SIZE);
  curl_off_t uploaded = 0;
  curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
  result.may_have_sent = sent > 0;
  // curl counts a body that travels with the headers in both figures.
  result.bytes_out = static_cast<uint64_t>(sent > uploaded ? sent : sent + uploaded);
  return result;
}

}  // namespace capeai::net
