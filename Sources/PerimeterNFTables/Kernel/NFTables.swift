/// What libnftables is told and says: one buffer of commands is one transaction, done as a whole or not at all.
enum NFTables {
    enum Output {
        /// As `nft -j -n` prints it.
        case json
        /// As `nft` prints it, for people: each rule with its handle, without counters.
        case text
        /// As `nft -t` prints it: loadable again, without the elements of named sets.
        case loadable

        fileprivate var flags: UInt32 {
            switch self {
            case .json: NFTablesLibrary.OutputFlags.json | NFTablesLibrary.OutputFlags.numeric
            case .text: NFTablesLibrary.OutputFlags.handle | NFTablesLibrary.OutputFlags.stateless
            case .loadable: NFTablesLibrary.OutputFlags.terse
            }
        }
    }

    /// Runs commands in the network namespace of this process. Blocks for some milliseconds.
    /// - Parameter place: what is asked, for the error.
    @discardableResult
    static func run(_ commands: String, as output: Output = .json, _ place: String) throws(NFTablesError) -> String {
        let library = try NFTablesLibrary.shared.get()
        guard let context = library.newContext(0) else {
            throw NFTablesError(
                .unavailable,
                "\(place): libnftables can't begin: run it as root, on a Linux kernel with nf_tables (modprobe nf_tables)"
            )
        }
        defer { library.freeContext(context) }
        guard library.bufferOutput(context) == 0, library.bufferErrors(context) == 0 else {
            throw NFTablesError(.unavailable, "\(place): libnftables has no memory for its answers: free some")
        }
        library.setOutputFlags(context, output.flags)
        let code = library.run(context, commands)
        guard code == 0 else {
            throw error(library.errors(context).map { String(cString: $0) } ?? "", place)
        }
        return library.output(context).map { String(cString: $0) } ?? ""
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
