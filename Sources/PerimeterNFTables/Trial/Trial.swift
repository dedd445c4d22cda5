/// A change that is undone unless somebody confirms it: what was before, kept in a file until then.
///
/// The file is there as long as it is undecided. Whoever decides holds the lock of the file beside it meanwhile, so that a
/// change is either confirmed or undone, also when whoever began to decide is killed.
public struct Trial: Sendable {
    public enum Decision: String, Codable, Sendable, Hashable {
        case confirmed
        case undone
    }

    private struct Decided: Codable {
        let decision: Decision
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
    /// - Throws: ``NFTablesError``, of kind `pending` when an earlier change is still undecided.
    public func begin() throws(NFTablesError) {
        try locked { () throws(NFTablesError) in
            if isPending {
                throw NFTablesError(
                    .pending,
                    "\(path): the change before this one is not confirmed yet: 'sallyport perimeter confirm' keeps it, "
                        + "'sallyport perimeter confirm --undo' takes it back")
            }
            try TrialFile.remove(decided)
            try TrialFile.write(try perimeter.snapshot(), to: path)
        }
    }

    /// Whether nobody has decided yet.
    public var isPending: Bool { TrialFile.exists(path) }

    /// Decides, unless somebody has.
    /// - Returns: what is decided now; nil when there was nothing to decide.
    public func decide(_ decision: Decision) throws(NFTablesError) -> Decision? {
        try locked { () throws(NFTablesError) in
            guard let before = try TrialFile.read(TableSnapshot.self, at: path) else {
                return try TrialFile.read(Decided.self, at: decided)?.decision
            }
            if decision == .undone { try perimeter.restore(before) }
            try TrialFile.write(Decided(decision: decision), to: decided)
            try TrialFile.remove(path)
            return decision
        }
    }

    private var decided: String { path + ".decided" }

    private func locked<Value>(_ body: () throws(NFTablesError) -> Value) throws(NFTablesError) -> Value {
        let lock = try FileLock(path + ".lock")
        defer { lock.release() }
        return try body()
    }
}
