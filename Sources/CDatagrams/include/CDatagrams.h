#ifndef CDATAGRAMS_H
#define CDATAGRAMS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/// Room for datagrams that are received with one system call, made once and used again and again.
typedef struct sp_datagrams sp_datagrams;

/// One datagram, as long as nothing further is received into the same room.
typedef struct {
    const uint8_t *octets;
    size_t length;
    /// Where it came from: 4 or 16 octets in network order, by the family: 4, 6, or 0 for anything else.
    uint8_t address[16];
    uint8_t family;
    uint16_t port;
} sp_datagram;

/// NULL when there is no memory. `size`: octets that a datagram may have; what is longer is cut.
sp_datagrams *sp_datagrams_make(unsigned count, size_t size);
void sp_datagrams_free(sp_datagrams *datagrams);

/// Takes what waits, without waiting for it. Returns how many datagrams there are; 0 when there is none; -1 with errno.
int sp_datagrams_receive(sp_datagrams *datagrams, int descriptor);

/// The datagram at `index`, below what the last call of `sp_datagrams_receive` returned.
sp_datagram sp_datagrams_at(const sp_datagrams *datagrams, int index);

/// Datagrams that wait to be sent with one system call.
typedef struct sp_outbox sp_outbox;

/// NULL when there is no memory. `octets`: of all datagrams together.
sp_outbox *sp_outbox_make(unsigned count, size_t octets);
void sp_outbox_free(sp_outbox *outbox);

/// Copies a datagram. Returns 0 when there is no room for it.
int sp_outbox_add(
    sp_outbox *outbox, const uint8_t *octets, size_t length, const struct sockaddr *address, socklen_t address_length);

/// Sends, without waiting, what was added from `first` on. Returns how many datagrams the kernel took, or the negative
/// error number of the one at `first`.
int sp_outbox_send(sp_outbox *outbox, int descriptor, unsigned first);

/// Forgets all datagrams.
void sp_outbox_clear(sp_outbox *outbox);

/// Has the kernel choose among `count` sockets that share a port (SO_REUSEPORT), in the order in which they were bound,
/// by where a packet comes from: as `sp_share` does. Returns 0, or -1 with errno.
int sp_steer(int descriptor, unsigned count);

/// Whether a port can be had by a socket that shares it with nobody: 0, or an error number. `type`: SOCK_DGRAM or
/// SOCK_STREAM. `v6_only`: for an IPv6 socket that takes no IPv4.
int sp_claim(int type, const struct sockaddr *address, socklen_t length, int v6_only);

/// The share of a source among `count`: by its IPv4 address (`high` is 0), or the upper half of its IPv6 address, so that
/// a /64 stays together.
unsigned sp_share(uint32_t high, uint32_t low, unsigned count);

#endif
