#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED

#include "CLoad.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static int send_batch(int socket, const struct load_datagram *datagrams, int count, struct sockaddr_in *to) {
    struct mmsghdr headers[load_batch];
    struct iovec vectors[load_batch];
    union {
        char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct cmsghdr alignment;
    } controls[load_batch];
    if (count > load_batch) count = load_batch;
    memset(headers, 0, sizeof(struct mmsghdr) * (size_t)count);
    for (int index = 0; index < count; index++) {
        struct msghdr *header = &headers[index].msg_hdr;
        vectors[index].iov_base = (void *)datagrams[index].bytes;
        vectors[index].iov_len = datagrams[index].length;
        header->msg_iov = &vectors[index];
        header->msg_iovlen = 1;
        if (to != NULL) {
            header->msg_name = to;
            header->msg_namelen = sizeof(*to);
        }
        if (datagrams[index].source != 0) {
            header->msg_control = controls[index].bytes;
            header->msg_controllen = sizeof(controls[index].bytes);
            struct cmsghdr *control = CMSG_FIRSTHDR(header);
            control->cmsg_level = IPPROTO_IP;
            control->cmsg_type = IP_PKTINFO;
            control->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
            struct in_pktinfo *information = (struct in_pktinfo *)CMSG_DATA(control);
            memset(information, 0, sizeof(*information));
            information->ipi_spec_dst.s_addr = datagrams[index].source;
        }
    }
    return sendmmsg(socket, headers, (unsigned)count, MSG_DONTWAIT);
}

int load_send(int socket, const struct load_datagram *datagrams, int count) {
    return send_batch(socket, datagrams, count, NULL);
}

int load_send_to(int socket, const struct load_datagram *datagrams, int count, uint32_t address, uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = address};
    return send_batch(socket, datagrams, count, &to);
}

int load_receive(int socket, uint8_t *buffer, size_t slot_bytes, uint32_t *lengths) {
    struct mmsghdr headers[load_batch];
    struct iovec vectors[load_batch];
    memset(headers, 0, sizeof(headers));
    for (int index = 0; index < load_batch; index++) {
        vectors[index].iov_base = buffer + (size_t)index * slot_bytes;
        vectors[index].iov_len = slot_bytes;
        headers[index].msg_hdr.msg_iov = &vectors[index];
        headers[index].msg_hdr.msg_iovlen = 1;
    }
    int count = recvmmsg(socket, headers, load_batch, MSG_DONTWAIT, NULL);
    for (int index = 0; index < count; index++) lengths[index] = headers[index].msg_len;
    return count;
}

static int control(int epoll, int operation, int descriptor, uint32_t token, int wants_write) {
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.u32 = token};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

int load_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int load_epoll_remove(int epoll, int descriptor) { return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL); }

int load_epoll_add(int epoll, int descriptor, uint32_t token, int wants_write) {
    return control(epoll, EPOLL_CTL_ADD, descriptor, token, wants_write);
}

int load_epoll_change(int epoll, int descriptor, uint32_t token, int wants_write) {
    return control(epoll, EPOLL_CTL_MOD, descriptor, token, wants_write);
}

int load_epoll_wait(int epoll, struct load_event *events, int64_t nanoseconds) {
    struct epoll_event received[load_batch];
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int count = epoll_pwait2(epoll, received, load_batch, &timeout, NULL);
    for (int index = 0; index < count; index++) {
        events[index].events = received[index].events;
        events[index].token = received[index].data.u32;
    }
    return count;
}

int load_bind_late(int socket) {
    int on = 1;
    return setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
}

const void *load_find(const void *bytes, size_t length, const void *text, size_t text_length) {
    return memmem(bytes, length, text, text_length);
}

void load_digest(int is_sha256, const void *bytes, size_t length, uint8_t *digits) {
    static const char alphabet[] = "0123456789abcdef";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    size_t size = is_sha256 ? SHA256_DIGEST_LENGTH : MD5_DIGEST_LENGTH;
    if (is_sha256) {
        SHA256_CTX context;
        SHA256_Init(&context);
        SHA256_Update(&context, bytes, length);
        SHA256_Final(digest, &context);
    } else {
        MD5_CTX context;
        MD5_Init(&context);
        MD5_Update(&context, bytes, length);
        MD5_Final(digest, &context);
    }
    for (size_t index = 0; index < size; index++) {
        digits[2 * index] = (uint8_t)alphabet[digest[index] >> 4];
        digits[2 * index + 1] = (uint8_t)alphabet[digest[index] & 15];
    }
}

enum { sessions_kept = 4096 };
static SSL_SESSION *sessions[sessions_kept];
static int session_count = 0;

static int keep_session(SSL *tls, SSL_SESSION *session) {
    (void)tls;
    if (session_count == sessions_kept) return 0;
    sessions[session_count++] = session;
    return 1;
}

SSL_SESSION *load_take_session(void) { return session_count > 0 ? sessions[--session_count] : NULL; }

SSL_CTX *load_tls_context(const char *authorities, int keeps_sessions) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) return NULL;
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_load_verify_locations(context, authorities, NULL) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (keeps_sessions) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_session);
    }
    return context;
}

int load_set_server_name(SSL *tls, const char *name) { return (int)SSL_set_tlsext_host_name(tls, name); }
