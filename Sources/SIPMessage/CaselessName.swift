/// A name that the configuration gives, of a field or a host: compared without regard to case (RFC 3261 sections 7.3.1
/// and 19.1.4), and without making a text of what it is compared with.
public struct CaselessName: Hashable, Sendable, CustomStringConvertible {
    /// As it was given.
    public let description: String
    private let lowercased: [UInt8]

    public init(_ name: String) {
        description = name
        lowercased = name.utf8.map(\.lowercased)
    }

    func matches(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        guard range.count == lowercased.count else { return false }
        var position = range.lowerBound
        for octet in lowercased {
            guard bytes[position].lowercased == octet else { return false }
            position += 1
        }
        return true
    }
}

/// What a message has of a field that should stand in it once.
public enum SingleField: Sendable, Equatable {
    case absent
    /// Where its value stands.
    case value(Range<Int>)
    case several
}
