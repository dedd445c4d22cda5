/// The header fields that the edge itself reads or writes; everything else is `other` and travels untouched.
public enum HeaderName: UInt8, Sendable, CaseIterable {
    case via, from, to, callID, cSeq, contact, maxForwards, route, recordRoute
    case contentLength, contentType, contentEncoding, contentDisposition
    case authorization, proxyAuthorization, wwwAuthenticate, proxyAuthenticate
    case require, proxyRequire, supported, unsupported, allow, accept
    case expires, minExpires, date, subject, retryAfter, event, referTo, reason, warning, timestamp, userAgent
    case pAssertedIdentity, pPreferredIdentity, remotePartyID
    case other

    /// The name in its usual spelling; empty for `other`.
    public var canonical: String { Self.spellings[Int(rawValue)] }

    private static let spellings = [
        "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Route", "Record-Route",
        "Content-Length", "Content-Type", "Content-Encoding", "Content-Disposition",
        "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate",
        "Require", "Proxy-Require", "Supported", "Unsupported", "Allow", "Accept",
        "Expires", "Min-Expires", "Date", "Subject", "Retry-After", "Event", "Refer-To", "Reason", "Warning",
        "Timestamp", "User-Agent", "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "",
    ]

    /// Fields that may stand once only (RFC 3261 section 7.3.1 and table 2): a second one would let two parsers of the
    /// same message see two different calls.
    var isSingular: Bool {
        switch self {
        case .from, .to, .callID, .cSeq, .maxForwards, .contentLength, .contentType, .contentDisposition, .date,
            .expires, .minExpires, .subject, .retryAfter, .event, .referTo, .timestamp, .userAgent:
            true
        case .via, .contact, .route, .recordRoute, .contentEncoding, .authorization, .proxyAuthorization,
            .wwwAuthenticate, .proxyAuthenticate, .require, .proxyRequire, .supported, .unsupported, .allow, .accept,
            .reason, .warning, .pAssertedIdentity, .pPreferredIdentity, .remotePartyID, .other:
            false
        }
    }

    /// Recognizes a field name, long or compact, in any case.
    static func recognize(_ bytes: [UInt8], _ range: Range<Int>) -> HeaderName {
        if range.count == 1 { return compact(bytes[range.lowerBound].lowercased) }
        guard range.count <= Spelling.longest else { return .other }
        let spelling = Spelling(bytes[range])
        for entry in Self.table where entry.spelling == spelling { return entry.name }
        return .other
    }

    /// A name in lower case as three words, for comparing it at once.
    private struct Spelling: Equatable {
        static let longest = 24
        private var words: (UInt64, UInt64, UInt64) = (0, 0, 0)

        init(_ octets: some Sequence<UInt8>) {
            var index: UInt64 = 0
            for octet in octets {
                let bits = UInt64(octet.lowercased) << (8 * (index & 7))
                switch index >> 3 {
                case 0: words.0 |= bits
                case 1: words.1 |= bits
                default: words.2 |= bits
                }
                index += 1
            }
        }

        static func == (first: Spelling, second: Spelling) -> Bool { first.words == second.words }
    }

    private static let table: [(spelling: Spelling, name: HeaderName)] = allCases.filter { $0 != .other }
        .map { (Spelling($0.canonical.utf8), $0) }

    /// RFC 3261 section 7.3.3, RFC 3515 (`r`), RFC 6665 (`o`).
    private static func compact(_ letter: UInt8) -> HeaderName {
        switch letter {
        case UInt8(ascii: "v"): .via
        case UInt8(ascii: "f"): .from
        case UInt8(ascii: "t"): .to
        case UInt8(ascii: "i"): .callID
        case UInt8(ascii: "m"): .contact
        case UInt8(ascii: "l"): .contentLength
        case UInt8(ascii: "c"): .contentType
        case UInt8(ascii: "e"): .contentEncoding
        case UInt8(ascii: "k"): .supported
        case UInt8(ascii: "s"): .subject
        case UInt8(ascii: "o"): .event
        case UInt8(ascii: "r"): .referTo
        default: .other
        }
    }
}
