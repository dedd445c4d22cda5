#ifndef CLOAD_H
#define CLOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

typedef struct {
    struct msghdr msg_hdr;
    unsigned int msg_len;
} load_mmsghdr;

int load_sendmmsg(int fd, load_mmsghdr *messages, unsigned int count);
int load_recvmmsg(int fd, load_mmsghdr *messages, unsigned int count);

// Waits at most `nanoseconds`, with the timer slack of a microsecond.
int load_wait(int epoll, struct epoll_event *events, int count, int64_t nanoseconds);
void load_fine_timers(void);

void load_md5(const uint8_t *bytes, size_t count, uint8_t *digest);
void load_sha256(const uint8_t *bytes, size_t count, uint8_t *digest);

enum { LOAD_TLS_DONE = 1, LOAD_TLS_WANTS_READ = -1, LOAD_TLS_WANTS_WRITE = -2, LOAD_TLS_FAILED = -3 };

// NULL where the authority's file can't be read.
void *load_tls_context(const char *authority);
void *load_tls_new(void *context, int fd, const char *name, void *session);
// LOAD_TLS_DONE or one of the others; reads and writes give the number of bytes instead of LOAD_TLS_DONE.
int load_tls_handshake(void *tls);
int load_tls_read(void *tls, void *bytes, int count);
int load_tls_write(void *tls, const void *bytes, int count);
int load_tls_resumed(void *tls);
// The latest session that can be resumed, owned by the caller, or NULL.
void *load_tls_session(void *tls);
void load_tls_session_free(void *session);
void load_tls_free(void *tls);

#endif
