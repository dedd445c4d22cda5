// Which of several sockets on one port gets a packet: decided by its source address, so that all that is counted for a
// source is counted in one place.
#include "CDatagrams.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

// Knuth's multiplicative hash: neighbors go to different shares.
#define MULTIPLIER 0x9e3779b1u
#define SHIFT 16

unsigned sp_share(uint32_t high, uint32_t low, unsigned count) {
    return count < 2 ? 0 : (((high ^ low) * MULTIPLIER) >> SHIFT) % count;
}

int sp_claim(int type, const struct sockaddr *address, socklen_t length, int v6_only) {
    int descriptor = socket(address->sa_family, type | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return errno;
    // As a listener does it, which does not mind connections that have ended.
    int on = 1, failed = 0;
    if (type == SOCK_STREAM) failed |= setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa_family == AF_INET6) {
        failed |= setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    }
    failed |= bind(descriptor, address, length);
    // Two that may use an address again are told apart only once they listen.
    if (failed == 0 && type == SOCK_STREAM) failed = listen(descriptor, 1);
    int error = failed == 0 ? 0 : errno;
    close(descriptor);
    return error;
}

int sp_steer(int descriptor, unsigned count) {
    // The filter is handed the payload; the headers are reached by negative offsets.
    const uint32_t network = (uint32_t)SKF_NET_OFF;
    const uint32_t v4_source = network + 12, v6_source = network + 8;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, network),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, v4_source),
        BPF_STMT(BPF_JMP | BPF_JA, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, v6_source),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, v6_source + 4),
        BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, MULTIPLIER),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, SHIFT),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
}
