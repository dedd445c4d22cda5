#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CLoad.h"

#include <openssl/md5.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(load_mmsghdr) == sizeof(struct mmsghdr), "the same layout");

int load_sendmmsg(int fd, load_mmsghdr *messages, unsigned int count) {
    return sendmmsg(fd, (struct mmsghdr *)messages, count, 0);
}

int load_recvmmsg(int fd, load_mmsghdr *messages, unsigned int count) {
    return recvmmsg(fd, (struct mmsghdr *)messages, count, MSG_DONTWAIT, NULL);
}

int load_wait(int epoll, struct epoll_event *events, int count, int64_t nanoseconds) {
    struct timespec wait = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    return (int)syscall(SYS_epoll_pwait2, epoll, events, count, &wait, NULL, (size_t)0);
}

void load_fine_timers(void) { prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0); }

void load_md5(const uint8_t *bytes, size_t count, uint8_t *digest) { MD5(bytes, count, digest); }

void load_sha256(const uint8_t *bytes, size_t count, uint8_t *digest) { SHA256(bytes, count, digest); }

void *load_tls_context(const char *authority) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) return NULL;
    if (SSL_CTX_load_verify_locations(context, authority, NULL) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    return context;
}

void *load_tls_new(void *context, int fd, const char *name, void *session) {
    SSL *tls = SSL_new((SSL_CTX *)context);
    if (tls == NULL) return NULL;
    if (SSL_set_fd(tls, fd) != 1) {
        SSL_free(tls);
        return NULL;
    }
    SSL_set_tlsext_host_name(tls, name);
    SSL_set1_host(tls, name);
    if (session != NULL) SSL_set_session(tls, (SSL_SESSION *)session);
    SSL_set_connect_state(tls);
    return tls;
}

static int outcome(SSL *tls, int result) {
    if (result > 0) return result;
    switch (SSL_get_error(tls, result)) {
        case SSL_ERROR_WANT_READ: return LOAD_TLS_WANTS_READ;
        case SSL_ERROR_WANT_WRITE: return LOAD_TLS_WANTS_WRITE;
        default: return LOAD_TLS_FAILED;
    }
}

int load_tls_handshake(void *tls) { return outcome(tls, SSL_do_handshake(tls)); }

int load_tls_read(void *tls, void *bytes, int count) { return outcome(tls, SSL_read(tls, bytes, count)); }

int load_tls_write(void *tls, const void *bytes, int count) { return outcome(tls, SSL_write(tls, bytes, count)); }

int load_tls_resumed(void *tls) { return SSL_session_reused(tls); }

void *load_tls_session(void *tls) {
    SSL_SESSION *session = SSL_get1_session(tls);
    if (session != NULL && !SSL_SESSION_is_resumable(session)) {
        SSL_SESSION_free(session);
        return NULL;
    }
    return session;
}

void load_tls_session_free(void *session) { SSL_SESSION_free(session); }

void load_tls_free(void *tls) {
    SSL_set_quiet_shutdown(tls, 1);
    SSL_shutdown(tls);
    SSL_free(tls);
}
