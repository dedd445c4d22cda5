/// How and where the log is written.
public struct WitnessSettings: Sendable {
    public enum Durability: String, Sendable, CaseIterable {
        /// Each record is on the disk before the next one is written.
        case sync
        /// Records that wait together go to the disk together.
        case group
        /// A record counts as written when the kernel has it; power loss may take the last seconds.
        case async
    }

    /// Where the log's files go; made where it is missing.
    public var directory: String
    /// Where `node.key` and `node.pub` are or will be made.
    public var keyDirectory: String
    /// The `source` of every record: `sallyport.` and the node's name.
    public var source: String
    public var durability: Durability = .group
    /// A checkpoint is signed after this many records; at least 1.
    public var checkpointRecords = 1000
    /// A checkpoint is signed after this long, where anything was written since the last.
    public var checkpointInterval: Duration = .seconds(60)
    /// A file that has this many bytes is followed by a new one.
    public var rotateBytes = 256 << 20
    /// So is one whose first record is this old, once something is written.
    public var rotateInterval: Duration = .seconds(86_400)
    /// A closed file whose last record is older than this is removed; nil: never.
    public var keep: Duration?
    /// Names of the forwarders: what one of them has not sent yet is kept for `keepUnsent` longer than `keep`.
    public var forwarders: [String] = []
    public var keepUnsent: Duration = .seconds(30 * 86_400)
    /// How often closed files are looked after, beside at each rotation.
    public var archiveInterval: Duration = .seconds(60)
    /// How many records may wait for the disk.
    public var queueCapacity = 65_536

    public init(directory: String, keyDirectory: String, source: String) {
        self.directory = directory
        self.keyDirectory = keyDirectory
        self.source = source
    }
}
