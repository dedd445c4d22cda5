#pragma once
#include <stdint.h>

// How often the calling thread has asked for memory since it began.
uint64_t allocations_of_thread(void);

// How often all threads have.
uint64_t allocations_of_process(void);
