internal import SettingsFile

extension Duration {
    /// Reads a duration as the configuration writes it: `200ms`, `300s`, `5m`, `24h`, `30d`.
    /// - Throws: what is wrong with it.
    public init(parsing text: String, in range: ClosedRange<Duration>) throws(DurationError) {
        let notation = Notation<Duration>.duration(range)
        switch notation.read(text) {
        case .success(let duration): self = duration
        case .failure(let complaint):
            throw DurationError(description: "\(complaint.what): write \(notation.expected)")
        }
    }

    /// The same the other way around, in the largest unit that fits.
    public var notation: String { Notation<Duration>.text(of: self) }
}

/// Why a text is no duration.
public struct DurationError: Error, Sendable, CustomStringConvertible {
    public let description: String
}
