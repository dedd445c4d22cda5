internal import CoreTypes
internal import Crypto

/// Signs requests by AWS Signature Version 4, as a pure function of request, credentials and time.
///
/// Source: AWS's documentation, "Create a signed AWS API request".
struct Signer: Hashable, Sendable {
    let region: String
    /// The name of the service in the scope, such as `ec2` or `monitoring`.
    let service: String
    /// S3 takes paths as they are, encodes them once, and wants the body's hash in a header field. All others put paths in
    /// their shortest form and encode them twice.
    let isS3: Bool

    init(region: String, service: String, isS3: Bool = false) {
        self.region = region
        self.service = service
        self.isS3 = isS3
    }

    /// A request's signature and what it was made from, for whoever looks for a difference.
    struct Signature: Hashable, Sendable {
        /// What has to be sent besides the request's own header fields, `Host` excepted.
        let headers: [ServiceRequest.Pair]
        let canonicalRequest: String
        let stringToSign: String
    }

    /// - Parameter now: milliseconds since 1970; the service takes what is within 5 minutes (S3: 15) of its own clock.
    func sign(_ request: ServiceRequest, with credentials: Credentials, now: Int64) -> Signature {
        let time = Self.stamp(now)
        let payloadHash = Self.hexadecimal(SHA256.hash(data: request.body))
        var added = [ServiceRequest.Pair("X-Amz-Date", time)]
        if let token = credentials.sessionToken { added.append(.init("X-Amz-Security-Token", token)) }
        if isS3 { added.append(.init("X-Amz-Content-SHA256", payloadHash)) }

        let fields = Self.canonicalFields(request.headers + added + [.init("Host", request.host)])
        let names = fields.map(\.name).joined(separator: ";")
        let canonicalRequest = [
            request.method, canonicalPath(request), request.encodedQuery,
            fields.map { "\($0.name):\($0.value)\n" }.joined(), names, payloadHash,
        ].joined(separator: "\n")

        let day = String(time.prefix(8))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let hash = Self.hexadecimal(SHA256.hash(data: Array(canonicalRequest.utf8)))
        let stringToSign = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(hash)"
        let key = [day, region, service, "aws4_request"].reduce(Array("AWS4\(credentials.secretAccessKey)".utf8)) {
            Self.authenticate($1, by: $0)
        }
        let signature = Hexadecimal.string(Self.authenticate(stringToSign, by: key))
        let authorization =
            "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope), SignedHeaders=\(names), "
            + "Signature=\(signature)"
        return Signature(
            headers: added + [.init("Authorization", authorization)], canonicalRequest: canonicalRequest,
            stringToSign: stringToSign)
    }

    /// `20250131T235959Z`
    private static func stamp(_ milliseconds: Int64) -> String {
        CivilTime(millisecondsSince1970: milliseconds).rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
    }

    private func canonicalPath(_ request: ServiceRequest) -> String {
        if isS3 { return request.encodedPath }
        return PercentEncoding.encode(Self.withoutDotSegments(request.encodedPath), keepingSlashes: true)
    }

    /// Without `.`, `..` and empty segments (RFC 3986 section 5.2.4, and slashes that follow slashes).
    private static func withoutDotSegments(_ path: String) -> String {
        let segments = path.split(separator: "/")
        var kept: [Substring] = []
        for segment in segments where segment != "." {
            if segment == ".." { _ = kept.popLast() } else { kept.append(segment) }
        }
        let isDirectory = path.hasSuffix("/") && !kept.isEmpty
        return "/" + kept.joined(separator: "/") + (isDirectory ? "/" : "")
    }

    /// Proxies change these on the way.
    private static let unsigned: Set = [
        "authorization", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id",
    ]

    /// In the order of their names; fields of one name become one, their values in the order they stand in.
    private static func canonicalFields(_ fields: [ServiceRequest.Pair]) -> [ServiceRequest.Pair] {
        var values: [String: [String]] = [:]
        for field in fields {
            let name = field.name.lowercased()
            if !unsigned.contains(name) { values[name, default: []].append(trimmed(field.value)) }
        }
        return values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { .init($0.key, $0.value.joined(separator: ",")) }
    }

    /// Without blanks around it, and with one blank for each run of them.
    private static func trimmed(_ value: String) -> String {
        value.split { $0 == " " || $0 == "\t" }.joined(separator: " ")
    }

    private static func authenticate(_ text: String, by key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
    }

    private static func hexadecimal(_ digest: SHA256.Digest) -> String { Hexadecimal.string(Array(digest)) }
}
