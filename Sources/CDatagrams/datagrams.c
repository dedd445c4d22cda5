// recvmmsg(2) is a GNU extension, which Swift's view of the C library leaves out.
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
