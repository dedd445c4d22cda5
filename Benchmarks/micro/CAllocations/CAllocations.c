// Counts what the process and each of its threads ask of the allocator.
#include "CAllocations.h"

#include <stdatomic.h>

// A variable of a thread that had to be allocated would be counted itself, without end.
static _Thread_local uint64_t of_thread __attribute__((tls_model("initial-exec")));
static _Atomic uint64_t of_process;

static void count(void) {
    of_thread++;
    atomic_fetch_add_explicit(&of_process, 1, memory_order_relaxed);
}

uint64_t allocations_of_thread(void) { return of_thread; }

uint64_t allocations_of_process(void) { return atomic_load_explicit(&of_process, memory_order_relaxed); }

#include "allocator.h"
