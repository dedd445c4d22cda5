/// A request to a service of AWS before it is signed.
struct ServiceRequest: Hashable, Sendable {
    /// A name with its value: a parameter of the query, or a header field.
    struct Pair: Hashable, Sendable {
        let name: String
        let value: String

        init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    var method: String
    /// What goes into `Host`: a name or address, and the port unless it is the scheme's own.
    var host: String
    /// As it is meant, with nothing escaped; begins with a slash.
    var path: String
    /// As it is meant, with nothing escaped.
    var query: [Pair]
    /// Without `Host`, `X-Amz-Date` and what else signing adds.
    var headers: [Pair]
    var body: [UInt8]

    init(
        method: String, host: String, path: String = "/", query: [Pair] = [], headers: [Pair] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.host = host
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// Path and query as they go into the request line. The query stands in the order that is signed.
    var target: String {
        let query = encodedQuery
        return query.isEmpty ? encodedPath : "\(encodedPath)?\(query)"
    }

    var encodedPath: String { PercentEncoding.encode(path, keepingSlashes: true) }

    /// In order of the names and, for one name, of the values, both as they are encoded.
    var encodedQuery: String {
        query.map { (PercentEncoding.encode($0.name), PercentEncoding.encode($0.value)) }
            .sorted { left, right in
                // By octets, which is what AWS sorts by; strings compare by Unicode's rules.
                left.0 == right.0
                    ? left.1.utf8.lexicographicallyPrecedes(right.1.utf8)
                    : left.0.utf8.lexicographicallyPrecedes(right.0.utf8)
            }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }
}
