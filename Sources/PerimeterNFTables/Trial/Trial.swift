/// A change that is undone unless somebody confirms it: what was before, kept in a file until then.
///
/// The file is there as long as it is undecided. Whoever decides holds the lock of the file beside it meanwhile, so that a
/// change is either confirmed or undone, also when whoever began to decide is killed.
public struct Trial: Sendable {
    public enum Decision: Sendable, Hashable {
        case confirmed
        case undone
    }

    struct Pending: Codable, Sendable {
        let before: TableSnapshot
        /// Of whoever made the change.
        let process: Int32
    }

    /// Where the file is.
    public let path: String
    private let perimeter: NFTablesPerimeter

    /// Where they are kept unless another directory is named.
    public static let standardDirectory = "/run/sallyport"

    /// The one of a table.
    public init(in directory: String = standardDirectory, of perimeter: NFTablesPerimeter) {
        path = "\(directory)/perimeter-\(perimeter.table).pending"
        self.perimeter = perimeter
    }

    /// Keeps what is there now, before a change of it.
    /// - Parameter process: of whoever makes the change.
    /// - Throws: ``NFTablesError``, of kind `pending` when an earlier change is still undecided.
    public func begin(process: Int32) throws(NFTablesError) {
        try locked { () throws(NFTablesError) in
            if try read() != nil {
                throw NFTablesError(
                    .pending,
                    "\(path): a change before this one is not confirmed yet: 'sallyport perimeter confirm' keeps it, "
                        + "'sallyport perimeter confirm --undo' takes it back")
            }
            try TrialFile.write(Pending(before: try perimeter.snapshot(), process: process), to: path)
        }
    }

    /// Whether nobody has decided yet.
    public var isPending: Bool { TrialFile.exists(path) }

    /// Decides, unless somebody has.
    /// - Returns: whether it was this that decided.
    public func decide(_ decision: Decision) throws(NFTablesError) -> Bool {
        try locked { () throws(NFTablesError) in
            guard let pending = try read() else { return false }
            if decision == .undone { try perimeter.restore(pending.before) }
            try TrialFile.remove(path)
            return true
        }
    }

    private func read() throws(NFTablesError) -> Pending? { try TrialFile.read(Pending.self, at: path) }

    private func locked<Value>(_ body: () throws(NFTablesError) -> Value) throws(NFTablesError) -> Value {
        let lock = try FileLock(path + ".lock")
        defer { lock.release() }
        return try body()
    }
}
