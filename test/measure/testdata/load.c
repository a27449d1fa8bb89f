/* A cheap load for a server of the pattern request (DESIGN.md section 5), with
 * libzmq and nothing else, so that it leaves the processors to the server.
 *
 *   load crowd ENDPOINT FRAMES CONNECTIONS WINDOW RATE SECONDS WARM ANSWERS
 *   load swarm ENDPOINT FRAMES WINDOW      RATE SECONDS ANSWERS
 *
 * FRAMES holds the messages, each after its length (4 bytes in the machine's
 * order). crowd sends over CONNECTIONS, in turn, with WINDOW messages under
 * way; with a RATE those of each moment that are due, which count from when they
 * were due. WARM messages are answered before the clock starts. swarm has a new
 * connection for each message, closed by its answer; with CURVE_SERVER, the
 * server's public key, in the environment all speak CURVE, each node of a swarm
 * with a key of its own.
 *
 * "ready" is written once all connections stand and the warm-up is over; the
 * load begins with the next line of input. "seconds S cpu C sent N" ends it: of
 * the load, this process's processor time, messages sent with the warm-up. The
 * connections stand until the input ends. ANSWERS gets each answer: number of
 * its message, length, microseconds (8 bytes), the bytes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { PATIENCE = 30 }; /* seconds without any answer, then the rest is lost */

static void *context;
static const char *endpoint, *curve_server;
static char public_key[41], secret_key[41];
static const char **frames; /* the messages, and their lengths */
static uint32_t *lengths, total, next_, answered;
static double *began; /* when each was due or sent */
static FILE *answers;

static void must(int rc) {
  if (rc >= 0) return;
  fprintf(stderr, "load: %s\n", zmq_strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void read_frames(const char *path) {
  struct stat st;
  int f = open(path, O_RDONLY);
  must(f);
  must(fstat(f, &st));
  if (!st.st_size) return;
  const char *data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, f, 0);
  if (data == MAP_FAILED) must(-1);
  for (const char *p = data; p < data + st.st_size; total++) {
    uint32_t length;
    memcpy(&length, p, 4);
    if (!(total & (total - 1))) {
      frames = realloc(frames, (total ? 2 * total : 1) * sizeof *frames);
      lengths = realloc(lengths, (total ? 2 * total : 1) * sizeof *lengths);
    }
    frames[total] = p + 4;
    lengths[total] = length;
    p += 4 + length;
  }
  began = calloc(total + 1, sizeof *began);
}

static void *new_socket(void) {
  int none = 0;
  void *s = zmq_socket(context, ZMQ_DEALER);
  if (!s) must(-1);
  must(zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof none));
  must(zmq_setsockopt(s, ZMQ_SNDHWM, &none, sizeof none));
  must(zmq_setsockopt(s, ZMQ_RCVHWM, &none, sizeof none));
  if (curve_server) {
    must(zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, curve_server, 40));
    must(zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, public_key, 40));
    must(zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, secret_key, 40));
  }
  return s;
}

/* give sends the next message; at is when it was due. */
static void give(void *s, double at) {
  began[next_] = at;
  must(zmq_send(s, &next_, 4, ZMQ_SNDMORE));
  must(zmq_send(s, "", 0, ZMQ_SNDMORE));
  must(zmq_send(s, frames[next_], lengths[next_], 0));
  next_++;
}

/* take receives an answer that is there, and tells whether one was. */
static int take(void *s) {
  uint32_t i, length;
  int n = zmq_recv(s, &i, 4, ZMQ_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  must(n);
  zmq_msg_t m;
  zmq_msg_init(&m);
  must(zmq_msg_recv(&m, s, 0)); /* the delimiter */
  must(zmq_msg_recv(&m, s, 0));
  if (n != 4 || i >= next_) fprintf(stderr, "load: an answer to nothing\n"), exit(1);
  double took = (now() - began[i]) * 1e6;
  length = zmq_msg_size(&m);
  fwrite(&i, 4, 1, answers);
  fwrite(&length, 4, 1, answers);
  fwrite(&took, 8, 1, answers);
  fwrite(zmq_msg_data(&m), length, 1, answers);
  zmq_msg_close(&m);
  answered++;
  return 1;
}

/* wait_for looks for what there is to read, until a moment at the latest. zmq_poll
 * knows whole milliseconds only; what is shorter waits at the first socket's own
 * descriptor, and no longer than 0.1 ms where there are others. */
static void wait_for(zmq_pollitem_t *items, int n, double until) {
  double left = until - now();
  if (left <= 0 || zmq_poll(items, n, left < 0.001 ? 0 : left * 1000) || left >= 0.001) return;
  if (n != 1 && left > 0.0001) left = 0.0001;
  struct timespec most = {0, left * 1e9};
  struct pollfd there = {-1, POLLIN, 0};
  size_t size = sizeof there.fd;
  if (n == 1) must(zmq_getsockopt(items[0].socket, ZMQ_FD, &there.fd, &size));
  ppoll(&there, 1, &most, NULL);
}

/* connect_from connects from the n-th address of the loopback network: a DEALER
 * connects to one endpoint once, as libzmq tells them apart by their text. */
static void connect_from(void *s, uint32_t n) {
  char from[300];
  n += 256;
  snprintf(from, sizeof from, "tcp://127.%u.%u.%u:0;%s", n >> 16 & 255, n >> 8 & 255, n & 255, endpoint + strlen("tcp://"));
  must(zmq_connect(s, from));
}

/* connect_all makes the connections, some at a time, and sees each handshake. */
static void *connect_all(int connections) {
  void *s = new_socket(), *events = zmq_socket(context, ZMQ_PAIR);
  int none = 0, patience = PATIENCE * 1000;
  must(zmq_setsockopt(events, ZMQ_RCVHWM, &none, sizeof none));
  must(zmq_setsockopt(events, ZMQ_RCVTIMEO, &patience, sizeof patience));
  must(zmq_socket_monitor(s, "inproc://events", ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
  must(zmq_connect(events, "inproc://events"));
  for (int made = 0, stand = 0; stand < connections; stand++) {
    for (; made < connections && made < stand + 50; made++) connect_from(s, made);
    zmq_msg_t m;
    zmq_msg_init(&m);
    must(zmq_msg_recv(&m, events, 0)); /* the event, then its address */
    must(zmq_msg_recv(&m, events, 0));
    zmq_msg_close(&m);
  }
  must(zmq_socket_monitor(s, NULL, 0));
  zmq_close(events);
  return s;
}

static void await_line(void) {
  char line[16];
  printf("ready\n");
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) exit(1);
}

static void tell(double start, double end, double used) {
  fflush(answers);
  printf("seconds %.6f cpu %.6f sent %u\n", end - start, cpu() - used, next_);
  fflush(stdout);
}

/* due is how many messages are, of a load that began at start. */
static uint32_t due(double start, double rate, uint32_t warm) {
  double n = warm + (now() - start) * rate + 1;
  return n < total ? n : total;
}

static void crowd(int connections, uint32_t window, double rate, double lasts, uint32_t warm) {
  void *s = connect_all(connections);
  zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
  if (warm > total) warm = total;
  while (next_ < warm) give(s, now());
  for (double end = now() + PATIENCE; answered < warm && now() < end;) {
    wait_for(&item, 1, end);
    while (take(s)) end = now() + PATIENCE;
  }
  await_line();
  double start = now(), last = start, used = cpu(), at;
  for (;;) {
    while (take(s)) last = now();
    at = now();
    int over = at > start + lasts || next_ == total;
    if (over && (answered == next_ || at > last + PATIENCE)) break;
    if (!over && rate > 0) {
      for (uint32_t n = due(start, rate, warm); next_ < n;) give(s, start + (next_ - warm) / rate);
      wait_for(&item, 1, start + (next_ - warm) / rate);
    } else {
      for (; !over && next_ < total && next_ - answered < window;) give(s, at);
      wait_for(&item, 1, at + 1);
    }
  }
  tell(start, last, used);
}

static void swarm(uint32_t window, double rate, double lasts) {
  zmq_pollitem_t *items = calloc(window, sizeof *items);
  uint32_t n = 0;
  await_line();
  double start = now(), last = start, used = cpu();
  for (;;) {
    double at = now();
    int over = at > start + lasts || next_ == total;
    if (over && (!n || at > last + PATIENCE)) break;
    uint32_t until = over ? next_ : due(start, rate, 0);
    for (; next_ < until && n < window; n++) {
      if (curve_server) must(zmq_curve_keypair(public_key, secret_key));
      items[n] = (zmq_pollitem_t){new_socket(), 0, ZMQ_POLLIN, 0};
      connect_from(items[n].socket, next_);
      give(items[n].socket, start + next_ / rate);
    }
    wait_for(items, n, n == window || over ? at + 1 : start + next_ / rate);
    for (uint32_t i = 0; i < n;) {
      if ((items[i].revents & ZMQ_POLLIN) && take(items[i].socket)) {
        zmq_close(items[i].socket);
        items[i] = items[--n];
        last = now();
      } else {
        i++;
      }
    }
  }
  tell(start, last, used);
}

/* raise_files lets this process have as many connections as the system allows. */
static void raise_files(void) {
  struct rlimit files;
  must(getrlimit(RLIMIT_NOFILE, &files));
  files.rlim_cur = files.rlim_max;
  must(setrlimit(RLIMIT_NOFILE, &files));
}

int main(int argc, char **argv) {
  int crowds = argc == 10 && !strcmp(argv[1], "crowd");
  if (!crowds && !(argc == 8 && !strcmp(argv[1], "swarm"))) return 2;
  endpoint = argv[2];
  read_frames(argv[3]);
  if (!(answers = fopen(argv[argc - 1], "w"))) must(-1);
  raise_files();
  context = zmq_ctx_new();
  must(zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 65000));
  curve_server = getenv("CURVE_SERVER");
  if (curve_server) must(zmq_curve_keypair(public_key, secret_key));
  if (crowds)
    crowd(atoi(argv[4]), atoi(argv[5]), atof(argv[6]), atof(argv[7]), atoi(argv[8]));
  else
    swarm(atoi(argv[4]), atof(argv[5]), atof(argv[6]));
  while (getchar() != EOF) {
  }
  _exit(fclose(answers)); /* sockets that still stand shall not be waited for */
}
