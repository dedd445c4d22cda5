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
        if range.count == 1 {
            return compact(bytes[range.lowerBound].lowercased)
        }
        let candidates = range.count < byLength.count ? byLength[range.count] : []
        next: for (name, spelling) in candidates {
            var offset = range.lowerBound
            for byte in spelling {
                if bytes[offset].lowercased != byte { continue next }
                offset += 1
            }
            return name
        }
        return .other
    }

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

    private static let byLength: [[(HeaderName, [UInt8])]] = {
        var table: [[(HeaderName, [UInt8])]] = Array(repeating: [], count: 24)
        for name in allCases where name != .other {
            let spelling = name.canonical.lowercased()
            table[spelling.utf8.count].append((name, Array(spelling.utf8)))
        }
        return table
    }()
}
