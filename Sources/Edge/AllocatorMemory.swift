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
    /// call for each; one loop does nearly all of the allocating, so that nobody waits for the other's lock.
    static func prepare() {
        #if canImport(Glibc)
            _ = set(arenas, 1)
            _ = set(growth, 1 << 20)
        #endif
    }

    #if canImport(Glibc)
        // malloc.h: M_ARENA_MAX, M_TOP_PAD.
        private static let arenas: Int32 = -8
        private static let growth: Int32 = -2
    #endif
}

#if canImport(Glibc)
    // glibc's; the module of its headers leaves malloc.h out.
    @_silgen_name("malloc_trim") private func trim(_ pad: Int) -> Int32
    @_silgen_name("mallopt") private func set(_ parameter: Int32, _ value: Int32) -> Int32
#endif
