#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// libnftables, found when it is first asked for (decision 96): a program that is linked with it would not start where it is
/// missing, and most have no use for it.
struct NFTablesLibrary: Sendable {
    typealias Context = OpaquePointer

    let newContext: @convention(c) @Sendable (UInt32) -> Context?
    let freeContext: @convention(c) @Sendable (Context) -> Void
    let bufferOutput: @convention(c) @Sendable (Context) -> Int32
    let bufferErrors: @convention(c) @Sendable (Context) -> Int32
    let setOutputFlags: @convention(c) @Sendable (Context, UInt32) -> Void
    let run: @convention(c) @Sendable (Context, UnsafePointer<CChar>) -> Int32
    let output: @convention(c) @Sendable (Context) -> UnsafePointer<CChar>?
    let errors: @convention(c) @Sendable (Context) -> UnsafePointer<CChar>?

    /// Those of libnftables.h that are asked for; they are part of its ABI.
    enum OutputFlags {
        static let stateless: UInt32 = 1 << 2
        static let handle: UInt32 = 1 << 3
        static let json: UInt32 = 1 << 4
        /// Protocols, priorities, symbols and times.
        static let numeric: UInt32 = 0b1111 << 7
        static let terse: UInt32 = 1 << 11
    }

    static let shared = Result { () throws(NFTablesError) in try NFTablesLibrary() }

    private static let name = "libnftables.so.1"

    private init() throws(NFTablesError) {
        guard let library = dlopen(Self.name, RTLD_NOW | RTLD_LOCAL) else {
            throw NFTablesError(
                .unavailable, "\(Self.name) can't be loaded: install nftables (apt install libnftables1)")
        }
        func function<Function>(_ name: String) throws(NFTablesError) -> Function {
            guard let address = dlsym(library, name) else {
                throw NFTablesError(.unavailable, "\(Self.name) has no \(name): install nftables 0.9 or later")
            }
            return unsafeBitCast(address, to: Function.self)
        }
        newContext = try function("nft_ctx_new")
        freeContext = try function("nft_ctx_free")
        bufferOutput = try function("nft_ctx_buffer_output")
        bufferErrors = try function("nft_ctx_buffer_error")
        setOutputFlags = try function("nft_ctx_output_set_flags")
        run = try function("nft_run_cmd_from_buffer")
        output = try function("nft_ctx_get_output_buffer")
        errors = try function("nft_ctx_get_error_buffer")
    }
}
