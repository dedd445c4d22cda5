/// A session description (RFC 8866, and RFC 4566 before it), cut into the parts that say where media flow (RFC 3264).
/// The octets are never changed; ranges point into those that were parsed.
public struct SessionDescription: Sendable {
    /// Hard limits on what is parsed at all.
    public struct Limits: Sendable, Hashable {
        /// The whole description.
        public var bytes: Int
        /// All lines together.
        public var lines: Int
        /// One line.
        public var lineBytes: Int
        /// Media descriptions.
        public var media: Int

        public init(bytes: Int = 32_768, lines: Int = 1024, lineBytes: Int = 4096, media: Int = 64) {
            self.bytes = bytes
            self.lines = lines
            self.lineBytes = lineBytes
            self.media = media
        }
    }

    /// Why a body is no session description.
    public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// As a closed set for metrics and events.
        public enum Kind: String, Sendable, CaseIterable {
            case tooLarge = "too_large"
            /// Not `x=...`, or with a NUL or a bare CR in it.
            case malformedLine = "malformed_line"
            /// A line is missing, doubled or at the wrong place.
            case order
            case version
            case origin
            case connection
            case time
            case media
            case attribute
            /// A media description has no address of its own, and the session none either.
            case noAddress = "no_address"
        }

        public let kind: Kind
        /// Counted from 1.
        public let line: Int

        public init(_ kind: Kind, line: Int) {
            self.kind = kind
            self.line = line
        }

        public var description: String { "\(kind.rawValue) in line \(line)" }
    }

    /// `o=` (RFC 8866 section 5.2).
    public struct Origin: Sendable {
        public let username: Range<Int>
        /// Digits.
        public let sessionID: Range<Int>
        /// Digits; grows with each change (RFC 3264 section 8).
        public let sessionVersion: Range<Int>
        public let host: Host
    }

    /// `c=` (RFC 8866 section 5.7).
    public struct Connection: Sendable {
        public let host: Host
        /// Only for IPv4 multicast.
        public let timeToLive: UInt8?
        /// How many addresses in a row, from this one on; 1 save for multicast.
        public let count: Int
        /// The line without its end.
        public let line: Range<Int>
    }

    /// `a=` (RFC 8866 section 5.13).
    public struct Attribute: Sendable {
        public let name: Range<Int>
        /// Nil for a property such as `sendrecv`.
        public let value: Range<Int>?
    }

    /// `m=` and the lines that belong to it (RFC 8866 section 5.14).
    public struct Media: Sendable {
        /// Such as `audio`.
        public let kind: Range<Int>
        /// 0: refused or ended (RFC 3264 section 6).
        public let port: UInt16
        /// How many ports (or pairs of them) from this one on.
        public let portCount: Int
        /// Such as `RTP/AVP`.
        public let transport: Range<Int>
        /// Such as payload types; at least one.
        public let formats: [Range<Int>]
        public internal(set) var connections: [Connection] = []
        public internal(set) var attributes: [Attribute] = []
        /// Of the `m=` line, counted from 1.
        let lineNumber: Int
    }

    public let origin: Origin
    /// `s=`; may be empty.
    public let name: Range<Int>
    public let connection: Connection?
    /// `t=`: each start and stop as written.
    public let times: [Range<Int>]
    public let attributes: [Attribute]
    public let media: [Media]

    /// Where a media description's packets go: its own addresses, else the session's.
    public func connections(of media: Media) -> [Connection] {
        media.connections.isEmpty ? connection.map { [$0] } ?? [] : media.connections
    }
}

extension Message {
    /// The body as a session description; nil when the message has no body or one of another type, or when it is
    /// encoded (Content-Encoding). A multipart body is not looked into.
    public var sessionDescription: SessionDescription? {
        get throws(SessionDescription.Failure) {
            guard !body.isEmpty, let field = first(.contentType), !has(.contentEncoding) else { return nil }
            var scanner = Scanner(bytes, field.value)
            guard let type = scanner.token(), bytes.matches(type, lowercase: "application") else { return nil }
            scanner.skipBlanks()
            guard scanner.take(.slash) else { return nil }
            scanner.skipBlanks()
            guard let subtype = scanner.token(), bytes.matches(subtype, lowercase: "sdp") else { return nil }
            return try SessionDescription(parsing: bytes, body)
        }
    }
}
