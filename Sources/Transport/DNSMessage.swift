internal import CoreTypes
internal import SIPProxy

/// What one question got from a name server (RFC 1035 section 4), read with bounds: octets come from strangers.
struct DNSMessage {
    enum Kind: UInt16, Hashable, Sendable {
        case a = 1
        case alias = 5
        case authority = 6
        case aaaa = 28
        case srv = 33
        case naptr = 35
    }

    enum Value: Equatable {
        case address(IPAddress)
        case srv(SRVRecord)
        case naptr(NAPTRRecord)
    }

    /// Of the name asked for, or of what it is an alias of.
    private(set) var values: [Value] = []
    /// The shortest on the way to the values, aliases among them; seconds.
    private(set) var timeToLive = Int.max
    /// How long the absence of such a record holds (RFC 2308 section 5); nil when the server does not say.
    private(set) var negativeTimeToLive: Int?

    private static let mostRecords = 256
    private static let mostValues = 64
    private static let mostAliases = 8

    private struct Alias {
        var name: String
        var target: String
        var timeToLive: Int
    }

    /// Nil for what is no answer to such a question. Records whose names are no host names are passed over.
    init?(_ octets: [UInt8], kind: Kind) {
        var reader = DNSReader(octets)
        guard reader.skip(4), let questions = reader.number16(), let answers = reader.number16(),
            let authorities = reader.number16(), reader.skip(2), questions == 1,
            let asked = reader.name(), reader.skip(4)
        else { return nil }
        let records = Int(answers) + Int(authorities)
        guard records <= Self.mostRecords, var name = asked.text else { return nil }
        var aliases: [Alias] = []
        var found: [(name: String, timeToLive: Int, value: Value)] = []
        for index in 0..<records {
            guard let record = reader.record() else { return nil }
            guard let type = Kind(rawValue: record.type), record.isInternet, let owner = record.name else { continue }
            var body = reader.at(record.body)
            switch (type, index < Int(answers)) {
            case (.authority, false):
                if let minimum = body.minimumOfAuthority() { negativeTimeToLive = min(minimum, record.timeToLive) }
            case (.alias, true):
                guard let target = body.name()?.text else { continue }
                aliases.append(Alias(name: owner, target: target, timeToLive: record.timeToLive))
            case (kind, true):
                if let value = body.value(of: kind) { found.append((owner, record.timeToLive, value)) }
            default:
                continue
            }
        }
        for _ in 0..<Self.mostAliases {
            guard let alias = aliases.first(where: { $0.name == name }) else { break }
            name = alias.target
            timeToLive = min(timeToLive, alias.timeToLive)
        }
        for record in found.filter({ $0.name == name }).prefix(Self.mostValues) {
            values.append(record.value)
            timeToLive = min(timeToLive, record.timeToLive)
        }
    }
}
