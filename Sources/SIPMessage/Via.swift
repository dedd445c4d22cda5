public import CoreTypes

/// One Via value (RFC 3261 section 20.42).
public struct Via: Sendable {
    private let bytes: [UInt8]
    public let shape: ViaShape

    init(_ bytes: [UInt8], _ shape: ViaShape) {
        self.bytes = bytes
        self.shape = shape
    }

    /// The transport's token as written, such as `UDP`; unknown ones are allowed.
    public var transport: String { bytes.string(shape.transport.range) }
    public var host: Host { Host(bytes, shape.host) }
    public var port: UInt16? { shape.port }
    public var parameters: [HeaderParameter] { Array(HeaderParameters(bytes, shape.parameters)) }
    /// The branch as written; nil from RFC 2543 elements and when empty.
    public var branch: String? { shape.branch.map { bytes.string($0) } }
    public var received: IPAddress? { shape.received }
    /// nil: no rport parameter; `.some(nil)`: asked for without a value (RFC 3581).
    public var rport: UInt16?? { shape.rport }
    /// The whole value without the blanks around it.
    public var range: Range<Int> { shape.range }

    /// RFC 3261 section 8.1.1.7: the branch is unique over space and time.
    public var hasMagicCookie: Bool { branch?.hasPrefix(Via.magicCookie) ?? false }

    public static let magicCookie = "z9hG4bK"
}

/// Where the parts of a Via value stand, and what those say that are no text.
public struct ViaShape: Sendable {
    let transport: Stretch
    public let host: HostShape
    public let port: UInt16?
    let parameters: Stretch
    private let branchStretch: Stretch?
    public let received: IPAddress?
    public let rport: UInt16??
    private let whole: Stretch
    /// To the end of sent-by: what never changes on the way.
    let sentByEnd: Int
    /// Only such ones are in a message that was accepted.
    let isVersion2: Bool

    fileprivate init(
        _ sentBy: Scanner.SentBy, parameters: Range<Int>, branch: Range<Int>?, received: IPAddress?, rport: UInt16??,
        end: Int
    ) {
        transport = Stretch(sentBy.transport)
        host = sentBy.host
        port = sentBy.port
        self.parameters = Stretch(parameters)
        branchStretch = branch.map { Stretch($0) }
        self.received = received
        self.rport = rport
        whole = Stretch(sentBy.start..<end)
        sentByEnd = sentBy.end
        isVersion2 = sentBy.isVersion2
    }

    public var branch: Range<Int>? { branchStretch?.range }
    public var range: Range<Int> { whole.range }
}

extension Scanner {
    /// A Via value up to its sent-by.
    fileprivate struct SentBy {
        var start: Int
        var transport: Range<Int>
        var host: HostShape
        var port: UInt16?
        var end: Int
        var isVersion2: Bool
    }

    /// A Via value; stops before a comma or at the end.
    mutating func via(_ ledger: inout NameLedger) -> ViaShape? {
        guard let sentBy = sentBy() else { return nil }
        let parameters = position
        var branch: Range<Int>?
        var received: IPAddress?
        var rport: UInt16??
        ledger.begin()
        loop: while true {
            switch headerParameter() {
            case .end:
                break loop
            case .malformed:
                return nil
            case .parameter(let parameter):
                guard ledger.insert(bytes, parameter.name) else { return nil }
                let name = parameter.name
                if bytes.matches(name, lowercase: "branch") {
                    branch = parameter.value
                } else if bytes.matches(name, lowercase: "received") {
                    guard let value = parameter.value, let address = receivedAddress(value) else { return nil }
                    received = address
                } else if bytes.matches(name, lowercase: "rport") {
                    guard let value = parameter.value else {
                        rport = .some(nil)
                        continue
                    }
                    guard let number = number(in: value, most: 65535), number > 0 else { return nil }
                    rport = .some(UInt16(number))
                } else if bytes.matches(name, lowercase: "ttl") {
                    guard let value = parameter.value, number(in: value, most: 255) != nil else { return nil }
                }
            }
        }
        return ViaShape(
            sentBy, parameters: parameters..<position, branch: branch, received: received, rport: rport, end: position)
    }

    /// What can be told of a Via whose parameters are malformed.
    mutating func viaSentBy() -> ViaShape? {
        sentBy().map {
            ViaShape($0, parameters: $0.end..<$0.end, branch: nil, received: nil, rport: nil, end: $0.end)
        }
    }

    private mutating func sentBy() -> SentBy? {
        skipBlanks()
        let start = position
        // "SIP" SLASH "2.0" SLASH transport, where SLASH may have blanks on both sides.
        guard let name = token(), bytes.matches(name, lowercase: "sip"), slash(), let version = token(), slash(),
            let transport = token()
        else { return nil }
        let afterTransport = position
        skipBlanks()
        guard position > afterTransport, let host = host() else { return nil }
        var port: UInt16?
        var end = position
        skipBlanks()
        if take(.colon) {
            skipBlanks()
            guard let value = self.port() else { return nil }
            port = value
            end = position
        } else {
            position = end
        }
        return SentBy(
            start: start, transport: transport, host: host, port: port, end: end,
            isVersion2: bytes.matches(version, lowercase: "2.0"))
    }

    /// All of a stretch as a decimal number.
    private func number(in range: Range<Int>, most: Int) -> Int? {
        var digits = Scanner(bytes, range)
        guard let number = digits.number(maximumDigits: 9), digits.atEnd, number <= most else { return nil }
        return number
    }

    /// RFC 5118 section 4.5: with and without brackets.
    private func receivedAddress(_ range: Range<Int>) -> IPAddress? {
        var range = range
        if range.count >= 2, bytes[range.lowerBound] == UInt8(ascii: "["),
            bytes[range.upperBound - 1] == UInt8(ascii: "]")
        {
            range = range.lowerBound + 1..<range.upperBound - 1
        }
        return IPAddress(octets: bytes[range])
    }

    private mutating func slash() -> Bool {
        skipBlanks()
        guard take(.slash) else { return false }
        skipBlanks()
        return true
    }
}
