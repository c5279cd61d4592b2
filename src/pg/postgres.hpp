// postgres.h for C++: included first by the .cpp files of pg/ and by nothing
// else but pg/function.hpp.
#pragma once

extern "C" {
#include "postgres.h"  // first, whatever the alphabet says

#include "fmgr.h"
#include "miscadmin.h"
}

// PostgreSQL's printf replacements and gettext macros break the C++ library.
#undef printf
#undef fprintf
#undef sprintf
#undef snprintf
#undef vprintf
#undef vfprintf
#undef vsprintf
#undef vsnprintf
#undef strerror
#undef strerror_r
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext
#undef _
