// A layer below the program's allocator that counts how often it is asked for memory.
//
// Loaded by LD_PRELOAD. ALLOCATIONS_FILE names a file that will hold the count of all threads, as a 64-bit number.
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic uint64_t *counter;

__attribute__((constructor)) static void start(void) {
    const char *name = getenv("ALLOCATIONS_FILE");
    if (!name) return;
    int descriptor = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (descriptor < 0 || ftruncate(descriptor, sizeof *counter)) {
        perror(name);
        _exit(70);
    }
    void *memory = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) {
        perror(name);
        _exit(70);
    }
    close(descriptor);
    counter = memory;
}

static void count(void) {
    if (counter) atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

#include "../../../Benchmarks/micro/CAllocations/allocator.h"
