/*
 * The load of the benchmark: one thread, edge-triggered epoll, loopback only, a fixed time. One JSON line on the output.
 *
 *   driver echo   PORT CONNECTIONS SECONDS BYTES DEPTH   lines of BYTES, DEPTH of them at once; the next go when all are back
 *   driver ask    PORT CONNECTIONS SECONDS DEPTH REQUEST REPLY   the same with a request and its reply, \r and \n in them
 *   driver both   PORT CONNECTIONS SECONDS WINDOW        a stream that is echoed, WINDOW bytes of it under way
 *   driver up     PORT CONNECTIONS SECONDS WINDOW        a stream to the server; WINDOW is the send buffer
 *   driver down   PORT CONNECTIONS SECONDS WINDOW        a stream from the server; WINDOW is the receive buffer
 *   driver get    PORT CONNECTIONS SECONDS PATH BYTES    open, ask for PATH, read BYTES to the end, close
 *   driver burst  PORT CONNECTIONS SECONDS               open all at once, a byte there and back on each, close all
 *   driver idle   PORT CONNECTIONS                       a byte there and back on each, then hold them to the end of input
 *   driver accept CONNECTIONS SECONDS                    be the server: print the port, accept, end, count; from the first
 *
 * A fifth of the time, or the first burst, is for warming up: "perSecond" and the latencies leave it out, "total" has it. "busy" is the share of
 * a core that the driver itself used: near 1, it would be the driver that is measured.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  int fd, dialed; /* dialed: not yet known to be connected */
  long sent, got;
  double since;
} conn;

typedef struct {
  const char *name;
  void (*opened)(conn *), (*readable)(conn *), (*writable)(conn *);
  void (*prepare)(int fd);
} mode;

enum { million = 1000000, microBuckets = 200000, buckets = microBuckets + 20000 };

static const mode *work;
static int epoll, count, answered, dials, done, stale;
static struct sockaddr_in server = {.sin_family = AF_INET};
static conn *conns;
static long window, replyWindow, depth = 1, expected;
static char *message, *reply, *request, input[1 << 18]; /* reply: what comes back for the message */
static double begun, since, seconds, burstSince; /* `since`: the warm-up is over */

/* What is measured. */
static double total, units, errors;
static unsigned latencies[buckets]; /* by the microsecond up to 0.2 s, by the millisecond up to 20 s */

static double clockOf(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}
static double now(void) { return clockOf(CLOCK_MONOTONIC); }

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void counted(double n) { units += n, total += n; }

static void latency(double seconds) {
  long at = seconds * million;
  if (at >= microBuckets) at = microBuckets + (at - microBuckets) / 1000;
  latencies[at < 0 ? 0 : at < buckets ? at : buckets - 1]++;
}

static long percentile(double share) {
  double all = 0, below = 0;
  for (int i = 0; i < buckets; i++) all += latencies[i];
  for (int i = 0; i < buckets; i++)
    if ((below += latencies[i]) >= all * share && all > 0) return i < microBuckets ? i : microBuckets + (i - microBuckets) * 1000L;
  return 0;
}

static void dial(conn *c) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) fail("socket");
  c->sent = c->got = 0, c->dialed = 1, c->since = now();
  if (work->prepare) work->prepare(c->fd);
  if (connect(c->fd, (void *)&server, sizeof server) < 0 && errno != EINPROGRESS) fail("connect");
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) fail("epoll_ctl");
}

static void redial(conn *c) {
  close(c->fd);
  dial(c);
}

static void broken(conn *c) {
  if (++errors > 1000) {
    fprintf(stderr, "driver: more than 1000 connections broke\n");
    exit(1);
  }
  redial(c);
}

static void warm(void) {
  units = 0, since = now();
  memset(latencies, 0, sizeof latencies);
}

/* Sends up to `bytes` of the message from `at`; the bytes that went. */
static long sendSome(conn *c, long at, long bytes) {
  ssize_t n = send(c->fd, message + at, bytes, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) errors++;
  return n < 0 ? 0 : n;
}

/* Reads without looking at the bytes: nothing is copied. 0 at the end, -1 if nothing is there. */
static long dropSome(conn *c) { return recv(c->fd, 0, 1 << 30, MSG_TRUNC); }

/* echo ------------------------------------------------------------------------------------------------------------ */

static void echoSend(conn *c) {
  while (c->sent < window) {
    long n = sendSome(c, c->sent, window - c->sent);
    if (n == 0) return;
    c->sent += n;
  }
}
static void echoOpened(conn *c) {
  c->since = now();
  echoSend(c);
}
static void echoReadable(conn *c) {
  for (;;) {
    ssize_t n = recv(c->fd, input, sizeof input, 0);
    if (n == 0) return broken(c);
    if (n < 0) return;
    if (c->got + n > replyWindow || memcmp(input, reply + c->got, n)) {
      fprintf(stderr, "driver: the reply is not what was expected\n");
      exit(1);
    }
    c->got += n;
    if (c->got < replyWindow) continue;
    latency(now() - c->since);
    counted(depth);
    c->sent = c->got = 0;
    echoOpened(c);
  }
}

/* both, up, down -------------------------------------------------------------------------------------------------- */

static void bothSend(conn *c) {
  while (c->sent - c->got < window) {
    long n = sendSome(c, 0, window - (c->sent - c->got));
    if (n == 0) return;
    c->sent += n;
  }
}
static void bothReadable(conn *c) {
  for (;;) {
    long n = dropSome(c);
    if (n == 0) return broken(c);
    if (n < 0) break;
    c->got += n;
    counted(n);
  }
  bothSend(c);
}
static void upSend(conn *c) {
  for (long n; (n = sendSome(c, 0, window)) > 0;) counted(n);
}
static void downReadable(conn *c) {
  for (;;) {
    long n = dropSome(c);
    if (n == 0) return broken(c);
    if (n < 0) return;
    counted(n);
  }
}

/* get ------------------------------------------------------------------------------------------------------------- */

static void getOpened(conn *c) {
  long length = strlen(request);
  if (send(c->fd, request, length, MSG_NOSIGNAL) != length) errors++;
}
static void getReadable(conn *c) {
  for (;;) {
    long n = dropSome(c);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      if (n < 0 || c->got != expected) return broken(c);
      latency(now() - c->since);
      return redial(c);
    }
    c->got += n;
    /* A small document counts as one, a large one by its bytes. */
    if (expected >= million) counted(n);
    else if (c->got == expected) counted(1);
  }
}

/* burst, idle ----------------------------------------------------------------------------------------------------- */

static void byteOpened(conn *c) {
  if (send(c->fd, "x", 1, MSG_NOSIGNAL) != 1) errors++;
}
static int byteBack(conn *c) {
  ssize_t n = recv(c->fd, input, sizeof input, 0);
  if (n == 0) broken(c);
  if (n <= 0 || c->got) return 0;
  c->got = n;
  return ++answered;
}
static void burstReadable(conn *c) {
  if (!byteBack(c)) return;
  latency(now() - burstSince);
  if (answered < count) return;
  counted(count);
  /* Whole bursts are counted; the first is the warm-up. */
  if (total == count) warm();
  else if (now() > begun + seconds) done = 1;
  for (int i = 0; i < count; i++) close(conns[i].fd);
  answered = 0, stale = 1;
  burstSince = now();
  for (int i = 0; i < count; i++) dial(&conns[i]);
}
/* One after the other, so that no queue overflows on the way. */
static void idleReadable(conn *c) {
  if (!byteBack(c)) return;
  if (answered < count) return dial(&conns[answered]);
  printf("{\"open\":%d,\"errors\":%.0f}\n", answered, errors);
  fflush(stdout);
  done = 1;
}

static void nothing(conn *c) { (void)c; }

static void set(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

static void noDelay(int fd) { set(fd, IPPROTO_TCP, TCP_NODELAY, 1); }
static void sendBuffer(int fd) { set(fd, SOL_SOCKET, SO_SNDBUF, window); }
/* Half a buffer at once: fewer wake-ups of the driver. */
static void receiveBuffer(int fd) {
  set(fd, SOL_SOCKET, SO_RCVBUF, window);
  set(fd, SOL_SOCKET, SO_RCVLOWAT, window / 2);
}
/* Whoever ends first waits a minute with its port: many local addresses, so that none runs out of them. */
static void manyAddresses(int fd) {
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + dials++ / 1000 % 200)};
  set(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  if (bind(fd, (void *)&local, sizeof local) < 0) fail("bind");
}

static const mode modes[] = {
  {"echo", echoOpened, echoReadable, echoSend, noDelay},   {"both", bothSend, bothReadable, bothSend, noDelay},
  {"up", upSend, nothing, upSend, sendBuffer},             {"down", nothing, downReadable, nothing, receiveBuffer},
  {"ask", echoOpened, echoReadable, echoSend, noDelay},    {"get", getOpened, getReadable, nothing, 0},             {"burst", byteOpened, burstReadable, nothing, manyAddresses},
  {"idle", byteOpened, idleReadable, nothing, manyAddresses},
};

/* ------------------------------------------------------------------------------------------------------------------ */

static void report(void) {
  printf("{\"perSecond\":%.1f,\"total\":%.0f,\"p50\":%ld,\"p99\":%ld,\"errors\":%.0f,\"busy\":%.3f}\n", units / (now() - since),
         total, percentile(.5), percentile(.99), errors, clockOf(CLOCK_PROCESS_CPUTIME_ID) / (now() - begun));
}

/* `times` copies of a text with escaped line ends; its length goes to `bytes`. */
static char *repeated(const char *escaped, long times, long *bytes) {
  char *text = malloc(strlen(escaped) * times + 1), *end = text;
  for (long n = 0; n < times; n++)
    for (const char *at = escaped; *at; at++) {
      int is = *at == '\\' && (at[1] == 'r' || at[1] == 'n');
      *end++ = !is ? *at : *++at == 'r' ? '\r' : '\n';
    }
  *bytes = end - text;
  return text;
}

static int acceptAll(int backlog) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  socklen_t length = sizeof server;
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (void *)&server, length) < 0 || listen(fd, backlog) < 0) fail("listen");
  getsockname(fd, (void *)&server, &length);
  printf("{\"port\":%d}\n", ntohs(server.sin_port));
  fflush(stdout);
  struct epoll_event event = {.events = EPOLLIN};
  epoll = epoll_create1(0);
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  for (int warmed = 0; begun == 0 || now() < begun + seconds;) {
    epoll_wait(epoll, &event, 1, 20);
    for (int peer; (peer = accept4(fd, 0, 0, SOCK_NONBLOCK)) >= 0;) {
      close(peer);
      if (begun == 0) begun = now();
      counted(1);
    }
    if (!warmed && begun > 0 && now() > begun + seconds * 0.2) warmed = 1, warm();
  }
  report();
  return 0;
}

int main(int argc, char **argv) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) files.rlim_cur = files.rlim_max, setrlimit(RLIMIT_NOFILE, &files);
  if (argc == 4 && !strcmp(argv[1], "accept")) {
    seconds = atof(argv[3]);
    return acceptAll(atoi(argv[2]) * 16);
  }
  if (argc < 4) {
    fprintf(stderr, "driver: the comment in driver.c has the usage\n");
    return 2;
  }
  for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++)
    if (!strcmp(argv[1], modes[i].name)) work = &modes[i];
  int idle = work != 0 && !strcmp(work->name, "idle");
  if (work == 0 || argc < 5 - idle) return 2;
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK), server.sin_port = htons(atoi(argv[2]));
  count = atoi(argv[3]);
  conns = calloc(count, sizeof *conns);
  int whole = idle || !strcmp(work->name, "burst");
  seconds = idle ? 0 : atof(argv[4]);
  if (!strcmp(work->name, "get")) {
    if (asprintf(&request, "GET %s\r\n", argv[5]) < 0) return 1;
    expected = atol(argv[6]);
  } else if (!strcmp(work->name, "ask")) {
    if (argc < 8) return 2;
    depth = atol(argv[5]);
    message = repeated(argv[6], depth, &window), reply = repeated(argv[7], depth, &replyWindow);
  } else if (argc > 5) {
    long bytes = atol(argv[5]);
    if (argc > 6) depth = atol(argv[6]);
    window = bytes * depth;
    message = reply = malloc(window), replyWindow = window;
    for (long i = 0; i < window; i++) message[i] = i % bytes == bytes - 2 ? '\r' : i % bytes == bytes - 1 ? '\n' : 'a' + i / bytes % 26;
  }
  epoll = epoll_create1(0);
  begun = since = burstSince = now();
  for (int i = 0; i < (idle ? 1 : count); i++) dial(&conns[i]);
  struct epoll_event events[256];
  for (int warmed = whole; !done && (whole || now() < begun + seconds);) {
    int ready = epoll_wait(epoll, events, 256, 20);
    /* What is left of these events may be about connections that are closed now. */
    for (int i = stale = 0; i < ready && !stale; i++) {
      conn *c = events[i].data.ptr;
      unsigned happened = events[i].events;
      if (happened & EPOLLERR) {
        broken(c);
        continue;
      }
      if (c->dialed && happened & EPOLLOUT) c->dialed = 0, work->opened(c);
      else if (happened & EPOLLOUT) work->writable(c);
      if (happened & (EPOLLIN | EPOLLHUP)) work->readable(c);
    }
    if (!warmed && now() > begun + seconds * 0.2) warmed = 1, warm();
  }
  if (!idle) report();
  else while (read(0, input, sizeof input) > 0) {}
  return 0;
}
