/* A pattern of DESIGN.md section 5 with libzmq and nothing else: the same
 * socket types and frames, beside which the listener is measured.
 *
 *   raw PATTERN WINDOW COUNT                 binds, writes where, receives COUNT messages
 *   raw PATTERN WINDOW COUNT ENDPOINT SIZE   connects and sends them, of SIZE bytes each
 *
 * With a WINDOW each message is answered by its own frames, and so many are
 * under way; with 0 none is answered. Who sees the last one, the sender where
 * there are answers, writes "seconds " and the time since the first. What binds
 * speaks CURVE where the environment has its secret key, CURVE_SECRET, and asks
 * a ZAP handler (RFC 27), which admits everybody, about each client. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <zmq.h>

static void *context, *socket_;
static int request, publish;

static void must(int rc) {
  if (rc >= 0) return;
  fprintf(stderr, "raw: %s\n", zmq_strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

/* take receives a message, all its frames, and may send them back. */
static void take(int back) {
  int more;
  do {
    zmq_msg_t m;
    zmq_msg_init(&m);
    must(zmq_msg_recv(&m, socket_, 0));
    more = zmq_msg_more(&m);
    if (back) must(zmq_msg_send(&m, socket_, more ? ZMQ_SNDMORE : 0));
    zmq_msg_close(&m);
  } while (more);
}

static void give(const void *payload, size_t size) {
  if (request) {
    must(zmq_send(socket_, "\0\0\0\1", 4, ZMQ_SNDMORE));
    must(zmq_send(socket_, "", 0, ZMQ_SNDMORE));
  }
  if (publish) must(zmq_send(socket_, "host", 4, ZMQ_SNDMORE));
  must(zmq_send(socket_, payload, size, 0));
}

/* admit answers ZAP's requests for as long as the process lives. */
static void admit(void *handler) {
  for (;;) {
    char id[256];
    int more = 1, length = 0;
    size_t size = sizeof more;
    for (int i = 0; more; i++) { /* version, id, domain, address, identity, mechanism, key */
      char frame[256];
      int n = zmq_recv(handler, frame, sizeof frame, 0);
      must(n);
      if (i == 1) memcpy(id, frame, length = n < 256 ? n : 256);
      must(zmq_getsockopt(handler, ZMQ_RCVMORE, &more, &size));
    }
    must(zmq_send(handler, "1.0", 3, ZMQ_SNDMORE));
    must(zmq_send(handler, id, length, ZMQ_SNDMORE));
    must(zmq_send(handler, "200", 3, ZMQ_SNDMORE));
    must(zmq_send(handler, "OK", 2, ZMQ_SNDMORE));
    must(zmq_send(handler, "anybody", 7, ZMQ_SNDMORE));
    must(zmq_send(handler, "", 0, 0));
  }
}

static void speak_curve(const char *secret) {
  int yes = 1;
  void *handler = zmq_socket(context, ZMQ_REP);
  must(zmq_bind(handler, "inproc://zeromq.zap.01"));
  zmq_threadstart(admit, handler);
  must(zmq_setsockopt(socket_, ZMQ_CURVE_SERVER, &yes, sizeof yes));
  must(zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, secret, strlen(secret)));
}

static void receive_all(int window, long count) {
  char endpoint[256];
  size_t length = sizeof endpoint;
  const char *secret = getenv("CURVE_SECRET");
  if (secret) speak_curve(secret);
  must(zmq_bind(socket_, "tcp://127.0.0.1:*"));
  must(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, endpoint, &length));
  printf("%s\n", endpoint);
  fflush(stdout);
  take(window);
  double began = now();
  for (long i = 1; i < count; i++) take(window);
  if (!window) printf("seconds %.6f\n", now() - began);
}

static void send_all(int window, long count, const char *endpoint, size_t size) {
  void *payload = calloc(1, size);
  must(zmq_connect(socket_, endpoint));
  if (publish) take(0); /* the subscription */
  double began = now();
  for (long sent = 0, answered = 0; sent < count || (window && answered < count);) {
    if (sent < count && (!window || sent - answered < window)) {
      give(payload, size);
      sent++;
    } else {
      take(0);
      answered++;
    }
  }
  if (window) printf("seconds %.6f\n", now() - began);
  free(payload);
}

/* raise_files lets this process have as many connections as the system allows. */
static void raise_files(void) {
  struct rlimit files;
  must(getrlimit(RLIMIT_NOFILE, &files));
  files.rlim_cur = files.rlim_max;
  must(setrlimit(RLIMIT_NOFILE, &files));
}

int main(int argc, char **argv) {
  const char *names[] = {"request", "publish", "push", "pair"};
  const int senders[] = {ZMQ_DEALER, ZMQ_XPUB, ZMQ_PUSH, ZMQ_PAIR};
  const int receivers[] = {ZMQ_ROUTER, ZMQ_SUB, ZMQ_PULL, ZMQ_PAIR};
  int which = 0, sends = argc == 6, yes = 1;
  if (argc != 4 && !sends) return 2;
  while (which < 4 && strcmp(argv[1], names[which])) which++;
  if (which == 4) return 2;
  request = which == 0;
  publish = which == 1;
  raise_files();
  context = zmq_ctx_new();
  socket_ = zmq_socket(context, sends ? senders[which] : receivers[which]);
  if (!socket_) must(-1);
  if (publish && sends) must(zmq_setsockopt(socket_, ZMQ_XPUB_NODROP, &yes, sizeof yes));
  if (publish && !sends) must(zmq_setsockopt(socket_, ZMQ_SUBSCRIBE, "", 0));
  if (sends)
    send_all(atoi(argv[2]), atol(argv[3]), argv[4], strtoul(argv[5], NULL, 10));
  else
    receive_all(atoi(argv[2]), atol(argv[3]));
  zmq_close(socket_);
  zmq_ctx_term(context);
  return 0;
}
