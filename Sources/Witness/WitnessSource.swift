internal import Synchronization

/// A record on its way out of the log.
public struct OutgoingRecord: Sendable, Equatable {
    public let sequence: Int
    /// 64 hexadecimal digits.
    public let hash: String
    /// The `hash` of the record before it.
    public let previous: String
    /// As it stands in the log, without a line feed.
    public let line: [UInt8]

    public init(sequence: Int, hash: String, previous: String, line: [UInt8]) {
        self.sequence = sequence
        self.hash = hash
        self.previous = previous
        self.line = line
    }
}

/// Reads a log's records in order for somebody who sends them on. Blocks on the disk.
public final class WitnessSource: Sendable {
    private let directory: String
    private let follower: Mutex<LogFollower>

    /// - Parameter sequence: of the record behind which to begin; 0 for the first that is there.
    public init(directory: String, after sequence: Int) {
        self.directory = directory
        follower = Mutex(LogFollower(LogDirectory(path: directory), after: sequence))
    }

    /// Goes back, or ahead, to behind a record.
    public func seek(after sequence: Int) {
        let directory = LogDirectory(path: directory)
        follower.withLock { $0 = LogFollower(directory, after: sequence) }
    }

    /// - Parameters:
    ///   - bound: the last record that may be given: one that is not on the disk yet may be cut off again.
    ///   - limit: how many at most.
    ///   - bytes: ends after so many, one record at least.
    /// - Returns: the records that follow, and how many between those given before and these are not in the log any more.
    public func next(
        upTo bound: Int, limit: Int, bytes: Int
    ) throws(WitnessError) -> (records: [OutgoingRecord], missing: Int) {
        do {
            return try follower.withLock { follower throws(FileError) in
                let before = follower.missing
                let records = try follower.next(upTo: bound, limit: limit, bytes: bytes).map {
                    OutgoingRecord(
                        sequence: $0.sequence, hash: String(decoding: $0.hash, as: UTF8.self),
                        previous: String(decoding: $0.previous, as: UTF8.self), line: Array($0.line))
                }
                return (records, follower.missing - before)
            }
        } catch {
            throw WitnessError(error)
        }
    }
}
