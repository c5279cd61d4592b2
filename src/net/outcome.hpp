// What curl's result codes mean for us. Private to net/.
#pragma once

#include <curl/curl.h>

#include "net/http.hpp"

namespace capeai::net {

// `code` of a transfer that failed for curl's own reasons. `head_done`: the
// final response's headers were complete.
HttpError ErrorOf(CURLcode code, bool head_done);

}  // namespace capeai::net
