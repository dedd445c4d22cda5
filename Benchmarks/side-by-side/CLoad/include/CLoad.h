#pragma once

// What Swift's import of the C library and of OpenSSL leaves out: macros, and calls behind _GNU_SOURCE.

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

struct load_datagram {
    const void *bytes;
    uint32_t length;
    /// IPv4 address to send from, in network order; 0: the socket's own.
    uint32_t source;
};

enum { load_batch = 64 };

/// Sends at most `load_batch` datagrams over a connected socket, or to an IPv4 address and port in network order.
/// Returns how many were sent, or -1 with errno.
int load_send(int socket, const struct load_datagram *datagrams, int count);
int load_send_to(int socket, const struct load_datagram *datagrams, int count, uint32_t address, uint16_t port);

/// Receives at most `load_batch` datagrams into slots of `slot_bytes` each. Returns how many, or -1 with errno.
int load_receive(int socket, uint8_t *buffer, size_t slot_bytes, uint32_t *lengths);

struct load_event {
    uint32_t events;
    uint32_t token;
};

int load_epoll_create(void);
int load_epoll_remove(int epoll, int descriptor);
int load_epoll_add(int epoll, int descriptor, uint32_t token, int wants_write);
int load_epoll_change(int epoll, int descriptor, uint32_t token, int wants_write);
/// Returns how many of at most `load_batch` events there are.
int load_epoll_wait(int epoll, struct load_event *events, int64_t nanoseconds);

/// Binds before connecting without taking a port yet, so that a port can be in use towards several peers.
int load_bind_late(int socket);

/// memmem
const void *load_find(const void *bytes, size_t length, const void *text, size_t text_length);

/// Lower-case hexadecimal of MD5 (32 digits) or SHA-256 (64 digits).
void load_digest(int is_sha256, const void *bytes, size_t length, uint8_t *digits);

/// A client's context; new sessions are put on the stack that `load_take_session` takes from.
SSL_CTX *load_tls_context(const char *authorities, int keeps_sessions);
SSL_SESSION *load_take_session(void);
int load_set_server_name(SSL *tls, const char *name);
