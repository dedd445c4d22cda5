import Dispatch

/// Memory that is freed and that the allocator keeps for later.
enum AllocatorMemory {
    /// Gives it back to the system, on another thread. Where the allocator does that by itself, nothing is done.
    static func giveBack() {
        #if canImport(Glibc)
            DispatchQueue.global(qos: .utility).async { _ = trim(0) }
        #endif
    }
}

#if canImport(Glibc)
    // glibc's; the module of its headers leaves malloc.h out.
    @_silgen_name("malloc_trim") private func trim(_ pad: Int) -> Int32
#endif
