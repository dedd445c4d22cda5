public import CoreTypes

/// One Via value (RFC 3261 section 20.42).
public struct Via: Sendable {
    /// The transport's token as written, such as `UDP`; unknown ones are allowed.
    public let transport: String
    public let host: Host
    public let port: UInt16?
    public let parameters: [HeaderParameter]
    /// The branch as written; nil from RFC 2543 elements and when empty.
    public let branch: String?
    public let received: IPAddress?
    /// nil: no rport parameter; `.some(nil)`: asked for without a value (RFC 3581).
    public let rport: UInt16??
    /// The whole value without the blanks around it.
    public let range: Range<Int>
    /// From the transport to the end of sent-by: what never changes on the way.
    public let sentByRange: Range<Int>
    /// Only such ones are in a message that was accepted.
    let isVersion2: Bool

    /// RFC 3261 section 8.1.1.7: the branch is unique over space and time.
    public var hasMagicCookie: Bool { branch?.hasPrefix(Via.magicCookie) ?? false }

    public static let magicCookie = "z9hG4bK"
}

extension Scanner {
    /// A Via value; stops before a comma or at the end.
    mutating func via() -> Via? {
        guard let (plain, start) = viaSentBy() else { return nil }
        guard let parameters = headerParameters() else { return nil }
        var branch: String?
        var received: IPAddress?
        var rport: UInt16??
        var seen: Set<String> = []
        for parameter in parameters {
            let name = bytes.string(parameter.name).lowercased()
            guard seen.insert(name).inserted else { return nil }
            let value = parameter.value.map(bytes.string)
            switch name {
            case "branch":
                branch = value
            case "received":
                guard let value, let address = Self.receivedAddress(value) else { return nil }
                received = address
            case "rport":
                if let value {
                    guard let number = UInt16(value), number > 0 else { return nil }
                    rport = .some(number)
                } else {
                    rport = .some(nil)
                }
            case "ttl":
                guard let value, UInt8(value) != nil else { return nil }
            default:
                break
            }
        }
        return Via(
            transport: plain.transport, host: plain.host, port: plain.port, parameters: parameters, branch: branch,
            received: received, rport: rport, range: start..<position, sentByRange: plain.sentByRange,
            isVersion2: plain.isVersion2)
    }

    /// A Via value up to its sent-by, and where it starts.
    mutating func viaSentBy() -> (via: Via, start: Int)? {
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
        var sentByEnd = position
        skipBlanks()
        if take(.colon) {
            skipBlanks()
            guard let value = self.port() else { return nil }
            port = value
            sentByEnd = position
        } else {
            position = sentByEnd
        }
        let via = Via(
            transport: bytes.string(transport), host: host, port: port, parameters: [], branch: nil, received: nil,
            rport: nil, range: start..<sentByEnd, sentByRange: transport.lowerBound..<sentByEnd,
            isVersion2: bytes.matches(version, lowercase: "2.0"))
        return (via, start)
    }

    /// RFC 5118 section 4.5: with and without brackets.
    private static func receivedAddress(_ text: String) -> IPAddress? {
        if text.hasPrefix("["), text.hasSuffix("]") {
            return IPAddress(text.dropFirst().dropLast())
        }
        return IPAddress(text)
    }

    private mutating func slash() -> Bool {
        skipBlanks()
        guard take(.slash) else { return false }
        skipBlanks()
        return true
    }
}
