import Dispatch

/// Memory that is freed and that the allocator keeps for later.
enum AllocatorMemory {
    /// Gives it back to the system, on another thread. Where the allocator does that by itself, nothing is done.
    static func giveBack() {
        #if canImport(Glibc)
            DispatchQueue.global(qos: .utility).async { _ = trim(0) }
        #endif
    }

    /// One heap for all threads, grown by a megabyte at a time. glibc's further heaps grow by single pages, with a system
    /// call for each; one loop does nearly all of the allocating, so that nobody waits for the other's lock. Several loops
    /// get as many heaps.
    static func prepare(threads: Int) {
        #if canImport(Glibc)
            _ = set(arenas, Int32(threads))
            _ = set(growth, 1 << 20)
            // What is freed is soon wanted again: pages that were given back come with a fault each.
            _ = set(kept, 16 << 20)
            _ = set(mapped, 4 << 20)
        #endif
    }

    #if canImport(Glibc)
        // malloc.h: M_ARENA_MAX, M_TOP_PAD, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD.
        private static let arenas: Int32 = -8
        private static let growth: Int32 = -2
        private static let kept: Int32 = -1
        private static let mapped: Int32 = -3
    #endif
}

#if canImport(Glibc)
    // glibc's; the module of its headers leaves malloc.h out.
    @_silgen_name("malloc_trim") private func trim(_ pad: Int) -> Int32
    @_silgen_name("mallopt") private func set(_ parameter: Int32, _ value: Int32) -> Int32
#endif
