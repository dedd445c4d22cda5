/// The parameters of a request in AWS's query protocol, where lists and structures are spelled out in names:
/// `IpPermissions.1.IpRanges.2.CidrIp`.
struct QueryParameters {
    private(set) var pairs: [ServiceRequest.Pair] = []

    mutating func set(_ name: String, _ value: String?) {
        if let value { pairs.append(.init(name, value)) }
    }

    mutating func set(_ name: String, _ value: Int?) { set(name, value.map { String($0) }) }

    mutating func set(_ name: String, _ value: Bool?) { set(name, value.map { $0 ? "true" : "false" }) }

    /// `NAME.1`, `NAME.2` ...; in RDS and its like the name ends in the list's own word, such as `Ids.member`.
    mutating func list(_ name: String, _ values: [String]) {
        for (index, value) in values.enumerated() { set("\(name).\(index + 1)", value) }
    }

    /// `Filter.1.Name`, `Filter.1.Value.1` ... of EC2.
    mutating func filter(_ filters: [(name: String, values: [String])]) {
        for (index, filter) in filters.enumerated() {
            set("Filter.\(index + 1).Name", filter.name)
            list("Filter.\(index + 1).Value", filter.values)
        }
    }

    /// As the body of a POST, by the rules of HTML's forms, in which a blank is a plus sign.
    var form: [UInt8] {
        Array(pairs.map { "\(Self.encode($0.name))=\(Self.encode($0.value))" }.joined(separator: "&").utf8)
    }

    private static func encode(_ text: String) -> String {
        text.split(separator: " ", omittingEmptySubsequences: false).map { PercentEncoding.encode($0) }
            .joined(separator: "+")
    }
}
