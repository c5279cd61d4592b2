#include "net/outcome.hpp"

namespace capeai::net {

HttpError ErrorOf(CURLcode code, bool head_done) {
  switch (code) {
    case CURLE_OK:
      return HttpError::kNone;
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return HttpError::kInvalidRequest;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return HttpError::kResolve;
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      return HttpError::kConnect;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
      return HttpError::kTls;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpError::kTimeoutConnect;  // the only time-out that curl is told of
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return HttpError::kReset;
    case CURLE_FILESIZE_EXCEEDED:
      return HttpError::kTooLarge;
    case CURLE_OUT_OF_MEMORY:
      // Also what curl says of a header line beyond its own 100 kB.
      return head_done ? HttpError::kInternal : HttpError::kTooLarge;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return HttpError::kProtocol;
    default:
      return HttpError::kInternal;
  }
}

}  // namespace capeai::net
