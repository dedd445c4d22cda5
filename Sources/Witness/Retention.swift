internal import CoreTypes

/// Which closed files are so old that they may go, and what the log says about it.
///
/// Before files are removed, a `SECURITY_EVENT` with `reason` `retention` says which, and a checkpoint is signed behind
/// it: so a beginning that was retired can be told from one that somebody cut off.
struct Retention {
    struct Retirement: Equatable {
        /// From the oldest on, without a gap.
        var files: [LogDirectory.Entry]
        var firstSequence: Int
        var lastSequence: Int
        /// The hash of the last record that goes, which the first that stays chains to.
        var head: String
        /// The latest timestamp among them, in milliseconds since 1970.
        var newest: Int64
        /// Records among them that a forwarder has not sent, by its name.
        var unsent: [String: Int]
    }

    let directory: LogDirectory
    let keep: Duration
    let keepUnsent: Duration
    /// The last record that each forwarder has sent, by its name.
    let sent: [String: Int]

    /// - Parameters:
    ///   - closed: files that nobody writes any more, from the oldest on.
    ///   - next: the one behind them.
    /// - Returns: nil when there is nothing to remove yet.
    /// - Throws: also when a file that is old enough is not as it was written: the node does not sign for its removal.
    func due(
        closed: [LogDirectory.Entry], next: LogDirectory.Entry, now: Int64
    ) throws(FileError) -> Retirement? {
        var files: [LogDirectory.Entry] = []
        var newest = Int64.min
        var head: [UInt8]?
        for (index, entry) in closed.enumerated() {
            guard let noted = try noted(entry), isDue(age: now - noted.to, isUnsent: false) else { break }
            // What stands in a header is no proof; what stands in the records is.
            let survey = try FileSurvey(entry, directory)
            guard survey.isWhole, let summary = survey.summary, summary.first == entry.first,
                head == nil || head == survey.previous
            else { throw damaged(entry) }
            let following = index + 1 < closed.count ? closed[index + 1] : next
            guard summary.last == following.first - 1 else { throw damaged(entry) }
            let isUnsent = sent.values.contains { $0 < summary.last }
            guard isDue(age: now - summary.to, isUnsent: isUnsent) else { break }
            files.append(entry)
            newest = max(newest, summary.to)
            head = survey.head
        }
        guard let first = files.first, let head else { return nil }
        let following = files.count < closed.count ? closed[files.count] : next
        var lines = try LogLines(directory, files: [following])
        guard let line = try lines.next(), let seal = RecordSeal(line.bytes), seal.isIntact,
            seal.sequence == following.first, seal.previous == head
        else { throw damaged(following) }
        let last = following.first - 1
        let unsent = sent.mapValues { last - max($0, first.first - 1) }.filter { $0.value > 0 }
        return Retirement(
            files: files, firstSequence: first.first, lastSequence: last, head: String(decoding: head, as: UTF8.self),
            newest: newest, unsent: unsent)
    }

    /// - Parameter age: of a file's last record, in milliseconds.
    private func isDue(age: Int64, isUnsent: Bool) -> Bool {
        let limit = keep.nanoseconds / 1_000_000 + (isUnsent ? keepUnsent.nanoseconds / 1_000_000 : 0)
        return age > limit
    }

    /// From the header of a compressed file where it has one, else by reading it.
    private func noted(_ entry: LogDirectory.Entry) throws(FileError) -> FileSummary? {
        guard let stream = try LogFileStream.open(directory, entry) else { return nil }
        _ = try stream.read()
        if let summary = stream.summary { return summary }
        return try FileSurvey(entry, directory).summary
    }

    private func damaged(_ entry: LogDirectory.Entry) -> FileError {
        FileError(
            operation: "retire", path: directory.path(of: entry.name),
            reason:
                "it is not as it was written; nothing is removed until somebody has looked: sallyport witness verify")
    }
}

extension Retention.Retirement {
    static let reason = "retention"

    var event: SecurityEvent {
        var details: [SecurityEvent.Detail] = [
            .init("reason", .string(Self.reason)), .init("first_seq", .integer(firstSequence)),
            .init("last_seq", .integer(lastSequence)), .init("head", .string(head)),
            .init("files", .integer(files.count)),
            .init("newest", .string(CivilTime(millisecondsSince1970: newest).rfc3339)),
        ]
        for (name, count) in unsent.sorted(by: { $0.key < $1.key }) {
            details.append(.init("unsent_by_\(name)", .integer(count)))
        }
        return SecurityEvent(.securityEvent, unsent.isEmpty ? .notice : .alert, details: details)
    }

    /// What a record says was removed: the last sequence number and the hash of that record; nil for another record.
    static func stated(by record: WitnessRecord) -> (lastSequence: Int, head: String)? {
        guard record.kind == SecurityEvent.Kind.securityEvent.rawValue, record[detail: "reason"] == .string(reason),
            case .integer(let last)? = record[detail: "last_seq"], case .string(let head)? = record[detail: "head"]
        else { return nil }
        return (last, head)
    }
}
