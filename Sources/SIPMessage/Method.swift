/// A SIP method. Names are case-sensitive (RFC 3261 section 7.1).
public enum Method: Hashable, Sendable, CustomStringConvertible {
    case invite, ack, bye, cancel, options, register
    case prack, subscribe, notify, publish, info, refer, message, update
    case other(String)

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        let octets = bytes[range]
        guard octets.count <= 8 else {
            self.init(bytes.string(range))
            return
        }
        var word: UInt64 = 0
        for octet in octets.reversed() { word = word << 8 | UInt64(octet) }
        switch word {
        case Self.word("INVITE"): self = .invite
        case Self.word("ACK"): self = .ack
        case Self.word("BYE"): self = .bye
        case Self.word("CANCEL"): self = .cancel
        case Self.word("OPTIONS"): self = .options
        default: self.init(bytes.string(range))
        }
    }

    /// Up to eight characters as a number.
    @inline(__always)
    private static func word(_ name: StaticString) -> UInt64 {
        var word: UInt64 = 0
        for index in (0..<name.utf8CodeUnitCount).reversed() { word = word << 8 | UInt64(name.utf8Start[index]) }
        return word
    }

    public init(_ name: String) {
        switch name {
        case "INVITE": self = .invite
        case "ACK": self = .ack
        case "BYE": self = .bye
        case "CANCEL": self = .cancel
        case "OPTIONS": self = .options
        case "REGISTER": self = .register
        case "PRACK": self = .prack
        case "SUBSCRIBE": self = .subscribe
        case "NOTIFY": self = .notify
        case "PUBLISH": self = .publish
        case "INFO": self = .info
        case "REFER": self = .refer
        case "MESSAGE": self = .message
        case "UPDATE": self = .update
        default: self = .other(name)
        }
    }

    public var name: String {
        switch self {
        case .invite: "INVITE"
        case .ack: "ACK"
        case .bye: "BYE"
        case .cancel: "CANCEL"
        case .options: "OPTIONS"
        case .register: "REGISTER"
        case .prack: "PRACK"
        case .subscribe: "SUBSCRIBE"
        case .notify: "NOTIFY"
        case .publish: "PUBLISH"
        case .info: "INFO"
        case .refer: "REFER"
        case .message: "MESSAGE"
        case .update: "UPDATE"
        case .other(let name): name
        }
    }

    public var description: String { name }

    /// The name for a metric label: a closed set, so that a stranger can't create series.
    public var label: String {
        if case .other = self { "other" } else { name }
    }

    /// All values of `label`.
    public static let labels = [
        "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO",
        "REFER", "MESSAGE", "UPDATE", "other",
    ]

    /// Where the label stands in `labels`.
    public var labelIndex: Int {
        switch self {
        case .invite: 0
        case .ack: 1
        case .bye: 2
        case .cancel: 3
        case .options: 4
        case .register: 5
        case .prack: 6
        case .subscribe: 7
        case .notify: 8
        case .publish: 9
        case .info: 10
        case .refer: 11
        case .message: 12
        case .update: 13
        case .other: 14
        }
    }
}
