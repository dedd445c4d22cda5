import SIPMessage

/// What holds for every body: it is refused, or all that was found in it stands in it, and it reads the same with its
/// line ends changed and when it stands elsewhere.
enum SessionProperties {
    static func violation(_ bytes: [UInt8]) -> String? {
        guard let session = try? SessionDescription(parsing: bytes, 0..<bytes.count) else { return nil }
        for medium in session.media {
            if session.connections(of: medium).isEmpty { return "media without an address" }
            if medium.formats.isEmpty { return "media without a format" }
            if Int(medium.port) + medium.portCount - 1 > 65535 { return "ports beyond the last" }
        }
        let limits = SessionDescription.Limits()
        guard session.media.count <= limits.media, bytes.count <= limits.bytes else { return "more than is allowed" }
        let prefix = Array("body:".utf8)
        let moved = prefix + bytes + Array("v=0\r\n".utf8)
        guard let again = try? SessionDescription(parsing: moved, prefix.count..<prefix.count + bytes.count) else {
            return "elsewhere it is refused"
        }
        guard summary(again, moved) == summary(session, bytes) else { return "elsewhere it says something else" }
        let bare = bytes.filter { $0 != UInt8(ascii: "\r") }
        guard let plain = try? SessionDescription(parsing: bare, 0..<bare.count) else { return "with LF it is refused" }
        guard summary(plain, bare) == summary(session, bytes) else { return "with LF it says something else" }
        return nil
    }

    private static func summary(_ session: SessionDescription, _ bytes: [UInt8]) -> [String] {
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        var lines = [text(session.origin.username), "\(session.origin.host)", text(session.name)]
        lines += session.times.map(text)
        lines += session.attributes.map { text($0.name) + ":" + ($0.value.map(text) ?? "") }
        for medium in session.media {
            lines.append("\(text(medium.kind)) \(medium.port) \(medium.portCount) \(text(medium.transport))")
            lines += medium.formats.map(text)
            lines += session.connections(of: medium).map { "\($0.host) \($0.timeToLive ?? 0) \($0.count)" }
            lines += medium.attributes.map { text($0.name) + ":" + ($0.value.map(text) ?? "") }
        }
        return lines
    }
}
