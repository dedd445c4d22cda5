import Foundation

/// What is to become of a message.
public enum TortureVerdict: Sendable, Hashable {
    /// Accepted by the parser; by the edge: sent on.
    case forward
    /// Answered with this status.
    case refuse(Int)
    /// Thrown away without an answer.
    case discard
}

/// A message that is hard to get right, with what must become of it.
///
/// The texts are the project's own; each is about the same point as the RFC's message of its name.
public struct TortureCase: Sendable, CustomStringConvertible {
    public enum Source: String, Sendable {
        case rfc4475
        case rfc5118 = "rfc5118-wire"
    }

    /// The RFC's name for its message.
    public let name: String
    public let source: Source
    /// Of the RFC.
    public let section: String
    /// What the parser alone says: `.forward` when it accepts the message, be it a request or a response.
    public let parser: TortureVerdict
    /// What the whole edge does on a listener that trusts the source, with authentication off and a route for it; over
    /// UDP where the transport matters.
    public let edge: TortureVerdict
    public let bytes: [UInt8]

    public var description: String { "\(source.rawValue) \(name)" }

    init(
        _ name: String, _ source: Source, _ section: String, _ parser: TortureVerdict, edge: TortureVerdict? = nil,
        _ bytes: [UInt8]
    ) {
        self.name = name
        self.source = source
        self.section = section
        self.parser = parser
        self.edge = edge ?? parser
        self.bytes = bytes
    }

    /// All of them: 49 of RFC 4475 and 12 of RFC 5118.
    public static let all = rfc4475Syntax + rfc4475Meaning + rfc5118

    // MARK: The RFCs' own messages

    /// Where the vectors lie: beside the checkout, when they are there.
    public static let vectors = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("../shared/vectors")
        .standardizedFileURL.path

    public static let hasVectors = FileManager.default.fileExists(atPath: vectors)

    /// The RFC's message of this name.
    public func vector() throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(Self.vectors)/\(source.rawValue)/\(name).dat")))
    }
}

/// Lines as they go over the wire: CRLF behind each, an empty one, the body.
func wire(_ lines: String, body: [UInt8] = []) -> [UInt8] {
    Array((lines.replacing("\n", with: "\r\n") + "\r\n\r\n").utf8) + body
}

/// A plain request; what a case is about replaces or joins its fields.
/// - Parameters:
///   - name: goes into the Call-ID.
///   - fields: lines that take the place of those of the same names; an empty one leaves the field out.
///   - adding: lines behind the others.
func request(
    _ method: String, _ uri: String = "sip:desk@council.example", name: String, _ fields: [String: String] = [:],
    adding: String = "", body: String? = nil
) -> [UInt8] {
    let plain = [
        ("Via", "SIP/2.0/UDP probe.lab.example;branch=z9hG4bK-\(name)"), ("Max-Forwards", "30"),
        ("From", "<sip:prober@lab.example>;tag=\(name)"), ("To", "<sip:desk@council.example>"),
        ("Call-ID", "\(name)@probe.lab.example"), ("CSeq", "7 \(method)"),
    ]
    var lines = "\(method) \(uri) SIP/2.0"
    for (field, value) in plain {
        if let given = fields[field] {
            if !given.isEmpty { lines += "\n\(given)" }
        } else {
            lines += "\n\(field): \(value)"
        }
    }
    if !adding.isEmpty { lines += "\n\(adding)" }
    let octets = Array((body ?? "").replacing("\n", with: "\r\n").utf8)
    if fields["Content-Length"] == nil { lines += "\nContent-Length: \(octets.count)" }
    return wire(lines, body: octets)
}

let offer = """
    v=0
    o=prober 77 1 IN IP4 192.0.2.90
    s=-
    c=IN IP4 192.0.2.90
    t=0 0
    m=audio 40000 RTP/AVP 0

    """
