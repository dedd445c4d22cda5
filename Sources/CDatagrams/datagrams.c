// recvmmsg(2) and sendmmsg(2) are GNU extensions, which Swift's view of the C library leaves out.
#define _GNU_SOURCE
#include "CDatagrams.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct sp_datagrams {
    unsigned count;
    size_t size;
    struct mmsghdr *headers;
    struct iovec *parts;
    struct sockaddr_in6 *sources;
    uint8_t *octets;
};

sp_datagrams *sp_datagrams_make(unsigned count, size_t size) {
    sp_datagrams *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    made->count = count;
    made->size = size;
    made->headers = calloc(count, sizeof *made->headers);
    made->parts = calloc(count, sizeof *made->parts);
    made->sources = calloc(count, sizeof *made->sources);
    // Pages that no datagram reaches stay unused.
    made->octets = malloc(count * size);
    if (made->headers == NULL || made->parts == NULL || made->sources == NULL || made->octets == NULL) {
        sp_datagrams_free(made);
        return NULL;
    }
    for (unsigned index = 0; index < count; index++) {
        made->parts[index].iov_base = made->octets + index * size;
        made->parts[index].iov_len = size;
        made->headers[index].msg_hdr.msg_iov = &made->parts[index];
        made->headers[index].msg_hdr.msg_iovlen = 1;
        made->headers[index].msg_hdr.msg_name = &made->sources[index];
    }
    return made;
}

void sp_datagrams_free(sp_datagrams *datagrams) {
    if (datagrams == NULL) return;
    free(datagrams->headers);
    free(datagrams->parts);
    free(datagrams->sources);
    free(datagrams->octets);
    free(datagrams);
}

int sp_datagrams_receive(sp_datagrams *datagrams, int descriptor) {
    for (unsigned index = 0; index < datagrams->count; index++) {
        datagrams->headers[index].msg_hdr.msg_namelen = sizeof(struct sockaddr_in6);
    }
    int received = recvmmsg(descriptor, datagrams->headers, datagrams->count, MSG_DONTWAIT, NULL);
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return 0;
    return received;
}

sp_datagram sp_datagrams_at(const sp_datagrams *datagrams, int index) {
    sp_datagram datagram = {0};
    if (index < 0 || (unsigned)index >= datagrams->count) return datagram;
    datagram.octets = datagrams->parts[index].iov_base;
    datagram.length = datagrams->headers[index].msg_len;
    const struct sockaddr_in6 *source = &datagrams->sources[index];
    if (source->sin6_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)source;
        datagram.family = 4;
        datagram.port = ntohs(v4->sin_port);
        memcpy(datagram.address, &v4->sin_addr, 4);
    } else if (source->sin6_family == AF_INET6) {
        datagram.family = 6;
        datagram.port = ntohs(source->sin6_port);
        memcpy(datagram.address, &source->sin6_addr, 16);
    }
    return datagram;
}

struct sp_outbox {
    unsigned capacity;
    unsigned count;
    size_t room;
    size_t used;
    struct mmsghdr *headers;
    struct iovec *parts;
    struct sockaddr_in6 *destinations;
    uint8_t *octets;
};

sp_outbox *sp_outbox_make(unsigned count, size_t octets) {
    sp_outbox *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    made->capacity = count;
    made->room = octets;
    made->headers = calloc(count, sizeof *made->headers);
    made->parts = calloc(count, sizeof *made->parts);
    made->destinations = calloc(count, sizeof *made->destinations);
    made->octets = malloc(octets);
    if (made->headers == NULL || made->parts == NULL || made->destinations == NULL || made->octets == NULL) {
        sp_outbox_free(made);
        return NULL;
    }
    for (unsigned index = 0; index < count; index++) {
        made->headers[index].msg_hdr.msg_iov = &made->parts[index];
        made->headers[index].msg_hdr.msg_iovlen = 1;
        made->headers[index].msg_hdr.msg_name = &made->destinations[index];
    }
    return made;
}

void sp_outbox_free(sp_outbox *outbox) {
    if (outbox == NULL) return;
    free(outbox->headers);
    free(outbox->parts);
    free(outbox->destinations);
    free(outbox->octets);
    free(outbox);
}

int sp_outbox_add(
    sp_outbox *outbox, const uint8_t *octets, size_t length, const struct sockaddr *address, socklen_t address_length
) {
    if (outbox->count == outbox->capacity || length > outbox->room - outbox->used
        || address_length > sizeof(struct sockaddr_in6)) {
        return 0;
    }
    unsigned index = outbox->count++;
    memcpy(outbox->octets + outbox->used, octets, length);
    memcpy(&outbox->destinations[index], address, address_length);
    outbox->parts[index].iov_base = outbox->octets + outbox->used;
    outbox->parts[index].iov_len = length;
    outbox->headers[index].msg_hdr.msg_namelen = address_length;
    outbox->used += length;
    return 1;
}

int sp_outbox_send(sp_outbox *outbox, int descriptor, unsigned first) {
    if (first >= outbox->count) return 0;
    int sent = sendmmsg(descriptor, outbox->headers + first, outbox->count - first, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

void sp_outbox_clear(sp_outbox *outbox) {
    outbox->count = 0;
    outbox->used = 0;
}
