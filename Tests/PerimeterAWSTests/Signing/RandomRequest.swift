@testable import PerimeterAWS

/// A request full of what is easily encoded wrongly.
struct RandomRequest: CustomStringConvertible {
    let request: ServiceRequest
    let signer: Signer
    let credentials: Credentials
    /// Milliseconds since 1970.
    let now: Int64

    private static let odd = [
        "a", "Z", "0", "-", "_", ".", "~", " ", "  ", "+", "&", "=", "%", "%20", "%2F", "/", "?", "#", ":", ";", ",",
        "!",
        "*", "'", "(", ")", "[", "]", "@", "$", "\"", "\\", "|", "{", "}", "<", ">", "^", "`", "ü", "é", "漢", "😀",
        "\u{7f}",
        "\u{1}", "\t", "\n", "e\u{301}",
    ]
    private static let segments = ["", ".", "..", "a", "b c", "ü", "%20", "a+b", "~", "x=y", "..."]

    init(_ random: inout Seeded) {
        func text(_ length: ClosedRange<Int>, _ parts: [String]) -> String {
            (0..<Int.random(in: length, using: &random)).map { _ in
                parts[Int.random(in: 0..<parts.count, using: &random)]
            }
            .joined()
        }
        let isS3 = Bool.random(using: &random)
        var path = "/"
        if Int.random(in: 0..<3, using: &random) > 0 {
            path += (0..<Int.random(in: 1...6, using: &random))
                .map { _ in Self.segments[Int.random(in: 0..<Self.segments.count, using: &random)] }
                .joined(separator: "/")
        }
        // Two slashes at the start would be an authority to botocore's URL parser.
        while path.hasPrefix("//") { path.removeFirst() }
        var query = (0..<Int.random(in: 0...6, using: &random)).map { _ in
            ServiceRequest.Pair(text(1...3, Self.odd), text(0...5, Self.odd))
        }
        if let repeated = query.first, Bool.random(using: &random) {
            query.append(.init(repeated.name, text(0...3, Self.odd)))
        }
        let blanks = ["a", "b", " ", "  ", "\t", ",", "=", "\"x  y\""]
        let names = [
            "X-Amz-Meta-A", "x-amz-meta-b", "Content-Type", "X-Odd", "Accept", "User-Agent", "X-Amzn-Trace-Id",
        ]
        let headers = (0..<Int.random(in: 0...5, using: &random)).map { _ in
            ServiceRequest.Pair(names[Int.random(in: 0..<names.count, using: &random)], text(0...8, blanks))
        }
        let body = (0..<Int.random(in: 0...40, using: &random)).map { _ in
            UInt8.random(in: .min ... .max, using: &random)
        }
        let methods = ["GET", "POST", "PUT", "DELETE", "HEAD"]
        let hosts = ["ec2.us-east-1.amazonaws.com", "localhost:5005", "b.s3.eu-central-1.amazonaws.com", "[::1]:8080"]
        request = ServiceRequest(
            method: methods[Int.random(in: 0..<methods.count, using: &random)],
            host: hosts[Int.random(in: 0..<hosts.count, using: &random)], path: path, query: query, headers: headers,
            body: body)
        signer = Signer(
            region: ["us-east-1", "eu-central-1", "cn-north-1"][Int.random(in: 0..<3, using: &random)],
            service: isS3 ? "s3" : ["ec2", "rds", "monitoring"][Int.random(in: 0..<3, using: &random)], isS3: isS3)
        credentials = Credentials(
            accessKeyID: "AKID" + text(1...4, ["A", "B", "7"]),
            secretAccessKey: text(1...20, ["a", "/", "+", "Z", "9"]),
            sessionToken: Bool.random(using: &random) ? text(1...30, ["a", "/", "+", "=", "9"]) : nil, origin: "a test")
        now = Int64.random(in: 1_000_000_000...4_000_000_000, using: &random) * 1000
    }

    var description: String { "\(request) \(signer)" }

    var forBotocore: Botocore.Case {
        Botocore.Case(
            method: request.method, host: request.host, path: request.path,
            query: request.query.map { [$0.name, $0.value] }, headers: request.headers.map { [$0.name, $0.value] },
            body: request.body, accessKey: credentials.accessKeyID, secret: credentials.secretAccessKey,
            token: credentials.sessionToken, region: signer.region, service: signer.service, isS3: signer.isS3,
            time: now / 1000)
    }
}
