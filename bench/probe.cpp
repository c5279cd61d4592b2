// Times one statement, again and again, in one session: the clock of the machine
// just before it is sent and just after its answer came. A program of its own,
// because an event loop between the socket and the clock would be measured too.
//
//   probe CONNINFO N PAUSE_MS SQL      $1 of the SQL is the text t1, t2, …
//
// Prints one line of JSON: [["t1", sent_us, answered_us], …], microseconds since 1970.
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <string>
#include <vector>

namespace {

long long Microseconds() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<long long>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
}

void Pause(long milliseconds) {
  const timespec pause{milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&pause, nullptr);
}

struct Sample {
  std::string tag;
  long long sent, answered;
};

bool Good(const PGresult* result) {
  return PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK;
}

int Run(PGconn* connection, size_t count, long pause, const char* sql) {
  PGresult* prepared = PQprepare(connection, "probe", sql, 0, nullptr);
  if (!Good(prepared)) return 1;
  PQclear(prepared);
  const int parameters = std::string(sql).find("$1") == std::string::npos ? 0 : 1;
  std::vector<Sample> samples;
  for (size_t i = 1; i <= count; ++i) {
    Sample sample{"t" + std::to_string(i), 0, 0};
    const char* value = sample.tag.c_str();
    if (pause > 0) Pause(pause);
    sample.sent = Microseconds();
    PGresult* result = PQexecPrepared(connection, "probe", parameters, &value, nullptr, nullptr, 0);
    sample.answered = Microseconds();
    if (!Good(result)) return 1;
    PQclear(result);
    samples.push_back(sample);
  }
  printf("[");
  for (const Sample& s : samples)
    printf("%s[\"%s\", %lld, %lld]", &s == &samples.front() ? "" : ", ", s.tag.c_str(), s.sent, s.answered);
  printf("]\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: probe CONNINFO N PAUSE_MS SQL\n");
    return 2;
  }
  PGconn* connection = PQconnectdb(argv[1]);
  const int code = PQstatus(connection) == CONNECTION_OK
                       ? Run(connection, strtoul(argv[2], nullptr, 10), strtol(argv[3], nullptr, 10), argv[4])
                       : 1;
  if (code != 0) fprintf(stderr, "%s", PQerrorMessage(connection));
  PQfinish(connection);
  return code;
}
