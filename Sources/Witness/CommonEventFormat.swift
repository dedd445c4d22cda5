public import CoreTypes

/// Records in ArcSight's Common Event Format, version 0, as SIEMs read it.
public enum CommonEventFormat {
    /// One event in one line, without a line feed.
    ///
    /// Extension keys: `rt` (milliseconds since 1970), `externalId` (the sequence number), `deviceExternalId` (the node),
    /// `src` or, for IPv6, `c6a2`, `suser` (the expert), `spt`, `proto`, `requestMethod`, `request`, `reason`, `cnt`,
    /// `cs1` the trace, `cs2` the Call-ID, `cs3` the record's hash, and all other details as text in `msg`.
    public static func text(_ record: WitnessRecord) -> String {
        let head = [
            "CEF:0", "Sallyport", "sallyport", "1", header(record.kind), header(name(record.kind)),
            String(severity(record.severity)),
        ].joined(separator: "|")
        var pairs: [(String, String)] = []
        func add(_ key: String, _ value: String?, label: String? = nil) {
            guard let value else { return }
            pairs.append((key, value))
            if let label { pairs.append((key + "Label", label)) }
        }
        add("rt", record.time.map { String($0) })
        add("externalId", String(record.sequence))
        add("deviceExternalId", record.source)
        if let source = record.sourceIP {
            source.contains(":") ? add("c6a2", source, label: "Source IPv6 Address") : add("src", source)
        }
        add("suser", record.expertID)
        add("cs1", record.traceID, label: "trace_id")
        var rest: [String] = []
        for detail in record.details {
            let value = detail.value.plain
            switch detail.name {
            case "call_id": add("cs2", value, label: "call_id")
            case "source_port": add("spt", value)
            case "transport": add("proto", value)
            case "method": add("requestMethod", value)
            case "request_uri": add("request", value)
            case "reason": add("reason", value)
            case "count": add("cnt", value)
            default: rest.append("\(detail.name)=\(value)")
            }
        }
        add("cs3", record.hash, label: "hash")
        if !rest.isEmpty { add("msg", rest.joined(separator: " ")) }
        return head + "|" + pairs.map { "\($0.0)=\(value($0.1))" }.joined(separator: " ")
    }

    /// `IP_NOT_ALLOWLISTED` is `IP not allowlisted`.
    private static func name(_ kind: String) -> String {
        let words = kind.split(separator: "_").map { word in
            ["IP", "TLS", "H323"].contains(word) ? String(word) : word.lowercased()
        }
        let text = words.joined(separator: " ")
        return text.prefix(1).uppercased() + text.dropFirst()
    }

    private static func severity(_ severity: String) -> Int {
        switch SecurityEvent.Severity(rawValue: severity) {
        case .debug: 0
        case .info: 2
        case .notice: 4
        case .warning: 6
        case .alert: 9
        case nil: 5
        }
    }

    private static func header(_ text: String) -> String { escaped(text, also: "|") }
    private static func value(_ text: String) -> String { escaped(text, also: "=") }

    /// Backslash and one more character with a backslash before them; everything invisible as `\\uXXXX`, so that a text
    /// of a stranger can end neither field nor line.
    private static func escaped(_ text: String, also special: Unicode.Scalar) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == "\\" || scalar == special {
                result.append("\\")
                result.append(scalar)
            } else if JSONText.isInvisible(scalar) {
                for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                    let digits = String(unit, radix: 16)
                    let padded = String(repeating: "0", count: 4 - digits.count) + digits
                    result.append(contentsOf: "\\\\u\(padded)".unicodeScalars)
                }
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }
}

extension SecurityEvent.Value {
    /// As people read it; lists with commas.
    public var plain: String {
        switch self {
        case .string(let text): text
        case .integer(let number): String(number)
        case .number(let number): String(number)
        case .boolean(let flag): String(flag)
        case .strings(let texts): texts.joined(separator: ",")
        }
    }
}
