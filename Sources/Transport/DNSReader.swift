internal import CoreTypes
internal import SIPProxy

/// Walks through a DNS message; nil means that it is not what it claims to be.
struct DNSReader {
    /// A name; the text is nil when it has octets that no host's or service's name has.
    struct Name {
        /// In lower case, without a dot at its end; "." is the root.
        var text: String?
    }

    struct Record {
        var name: String?
        var type: UInt16
        var isInternet: Bool
        /// Seconds.
        var timeToLive: Int
        var body: Range<Int>
    }

    private let octets: [UInt8]
    private var position = 0
    private var end: Int

    init(_ octets: [UInt8]) {
        self.octets = octets
        end = octets.count
    }

    /// A reader of one part; names in it may still point in front of it.
    func at(_ range: Range<Int>) -> DNSReader {
        var part = self
        part.position = range.lowerBound
        part.end = range.upperBound
        return part
    }

    mutating func skip(_ count: Int) -> Bool {
        guard count <= end - position else { return false }
        position += count
        return true
    }

    mutating func number16() -> UInt16? {
        guard end - position >= 2 else { return nil }
        defer { position += 2 }
        return UInt16(octets[position]) << 8 | UInt16(octets[position + 1])
    }

    mutating func number32() -> UInt32? {
        guard let high = number16(), let low = number16() else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    /// A domain name, compressed or not (RFC 1035 section 4.1.4). A pointer must point backwards, so that it ends.
    mutating func name() -> Name? {
        var labels: [String] = []
        var isText = true
        var length = 0
        var index = position
        var limit = end
        var hasJumped = false
        while true {
            guard index < limit else { return nil }
            let first = Int(octets[index])
            switch first >> 6 {
            case 0:
                guard index + first < limit else { return nil }
                if !hasJumped { position = index + first + 1 }
                guard first > 0 else {
                    return Name(text: isText ? (labels.isEmpty ? "." : labels.joined(separator: ".")) : nil)
                }
                length += first + 1
                guard length <= 254 else { return nil }
                let label = octets[index + 1...index + first]
                isText = isText && label.allSatisfy(Self.isOfName)
                if isText { labels.append(String(decoding: label, as: UTF8.self).lowercased()) }
                index += first + 1
            case 3:
                guard index + 1 < limit else { return nil }
                let target = (first & 0x3f) << 8 | Int(octets[index + 1])
                guard target < index else { return nil }
                if !hasJumped { position = index + 2 }
                hasJumped = true
                // Everything from here on lies in front of this pointer.
                limit = index
                index = target
            default:
                return nil
            }
        }
    }

    mutating func record() -> Record? {
        guard let name = name(), let type = number16(), let kind = number16(), let seconds = number32(),
            let length = number16(), Int(length) <= end - position
        else { return nil }
        defer { position += Int(length) }
        // RFC 2181 section 8: with the topmost bit set it means 0.
        return Record(
            name: name.text, type: type, isInternet: kind == 1, timeToLive: seconds >> 31 == 0 ? Int(seconds) : 0,
            body: position..<position + Int(length))
    }

    /// What stands in a record's body. Nil also for a name in it that is no host's.
    mutating func value(of kind: DNSMessage.Kind) -> DNSMessage.Value? {
        switch kind {
        case .a, .aaaa:
            guard end - position == (kind == .a ? 4 : 16) else { return nil }
            return IPAddress(bytes: octets[position..<end]).map { .address($0) }
        case .srv:
            guard let priority = number16(), let weight = number16(), let port = number16(), let target = name()?.text
            else { return nil }
            return .srv(SRVRecord(priority: priority, weight: weight, port: port, target: target))
        case .naptr:
            guard let order = number16(), let preference = number16(), let flags = string(), let service = string(),
                let regexp = string(), let replacement = name()?.text
            else { return nil }
            return .naptr(
                NAPTRRecord(
                    order: order, preference: preference, flags: flags, service: service, regexp: regexp,
                    replacement: replacement))
        case .alias, .authority:
            return nil
        }
    }

    /// The last field of an SOA record (RFC 2308 section 4); seconds.
    mutating func minimumOfAuthority() -> Int? {
        guard name() != nil, name() != nil, skip(16), let minimum = number32() else { return nil }
        return Int(minimum)
    }

    private mutating func string() -> String? {
        guard position < end else { return nil }
        let start = position + 1
        guard skip(1 + Int(octets[position])) else { return nil }
        return String(decoding: octets[start..<position], as: UTF8.self)
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
