internal import CNFTables
#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// What libnftables is told and says: one buffer of commands is one transaction, done as a whole or not at all.
enum NFTables {
    enum Output {
        /// As `nft -j -n` prints it.
        case json
        /// As `nft` prints it, for people: each rule with its handle, without counters.
        case text
        /// As `nft -t` prints it: loadable again, without the elements of named sets.
        case loadable

        fileprivate var flags: Int {
            switch self {
            case .json: NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_NUMERIC_ALL
            case .text: NFT_CTX_OUTPUT_HANDLE | NFT_CTX_OUTPUT_STATELESS
            case .loadable: NFT_CTX_OUTPUT_TERSE
            }
        }
    }

    /// Runs commands in the network namespace of this process. Blocks for some milliseconds.
    /// - Parameter place: what is asked, for the error.
    @discardableResult
    static func run(_ commands: String, as output: Output = .json, _ place: String) throws(NFTablesError) -> String {
        guard let context = nft_ctx_new(UInt32(NFT_CTX_DEFAULT)) else {
            throw NFTablesError(
                .unavailable,
                "\(place): libnftables can't begin: run it as root, on a Linux kernel with nf_tables (modprobe nf_tables)"
            )
        }
        defer { nft_ctx_free(context) }
        guard nft_ctx_buffer_output(context) == 0, nft_ctx_buffer_error(context) == 0 else {
            throw NFTablesError(.unavailable, "\(place): libnftables has no memory for its answers: free some")
        }
        nft_ctx_output_set_flags(context, UInt32(output.flags))
        let code = nft_run_cmd_from_buffer(context, commands)
        guard code == 0 else {
            throw error(nft_ctx_get_error_buffer(context).map { String(cString: $0) } ?? "", place)
        }
        return nft_ctx_get_output_buffer(context).map { String(cString: $0) } ?? ""
    }

    private static func error(_ text: String, _ place: String) -> NFTablesError {
        let lines = text.split(separator: "\n").map { $0.trimmingPrefix { $0 == " " } }
        // The lines below an error show the command with marks under it.
        let errors = lines.filter {
            $0.contains("rror") || $0.contains("not permitted") || $0.contains("not supported")
        }
        let first = errors.prefix(3).joined(separator: "; ")
        if text.contains("not permitted") {
            return NFTablesError(
                .notPermitted, "\(place): the kernel lets only root (CAP_NET_ADMIN) do this: run it with sudo")
        }
        if text.contains("not supported") || text.contains("Protocol") && text.contains("cache initialization") {
            return NFTablesError(
                .unavailable,
                "\(place): this kernel has no nf_tables, or lacks a part of it (\(first)): modprobe nf_tables nft_ct nft_limit, "
                    + "or take another kernel")
        }
        let words = first.isEmpty ? "no reason given" : first
        return NFTablesError(
            .refused, "\(place): nftables does not take it (\(words)): nothing was changed; see 'nft list ruleset'")
    }
}
