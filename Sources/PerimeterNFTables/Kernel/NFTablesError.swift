/// Why the kernel's rules could not be read or changed; `description` says what, where and what to do about it.
public struct NFTablesError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// Not without CAP_NET_ADMIN.
        case notPermitted
        /// The kernel has no nf_tables, or libnftables could not begin.
        case unavailable
        /// The kernel or libnftables did not take what it was given.
        case refused
        /// What came back could not be read.
        case badAnswer
        /// A setting of the perimeter file that nft has no words for.
        case badSetting
        /// Loaded, and then not seen.
        case notDone
        /// A change waits to be confirmed, or none does.
        case pending
        /// A file could not be read or written.
        case file
    }

    public let kind: Kind
    public let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
