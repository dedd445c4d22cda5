import Foundation
import TestSupport

@testable import PerimeterAWS

/// AWS's own client for Python as a second implementation of signing. It is given what a request means, and encodes
/// names, values and paths itself.
enum Botocore {
    struct Case: Encodable {
        let method: String
        let host: String
        let path: String
        let query: [[String]]
        let headers: [[String]]
        let body: [UInt8]
        let accessKey: String
        let secret: String
        let token: String?
        let region: String
        let service: String
        let isS3: Bool
        /// Seconds since 1970.
        let time: Int64
    }

    private struct Verdict: Decodable {
        let authorization: String
        let canonical: String
    }

    /// - Returns: for each case the field Authorization and the canonical request.
    static func sign(_ cases: [Case]) throws -> [(authorization: String, canonical: String)] {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("botocore-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let encoder = JSONEncoder()
        try encoder.encode(cases).write(to: directory.appendingPathComponent("cases.json"))
        try Data(program.utf8).write(to: directory.appendingPathComponent("sign.py"))
        let outcome = try Child.run(PeerProgram.motoPython.require(), ["sign.py"], in: directory.path)
        guard outcome.code == 0 else { throw Failure("botocore: \(outcome.errors)") }
        return try JSONDecoder().decode([Verdict].self, from: Data(outcome.output.utf8))
            .map { ($0.authorization, $0.canonical) }
    }

    private static let program = """
        import datetime, json, urllib.parse
        import botocore.auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        verdicts = []
        for case in json.load(open("cases.json")):
            kind = botocore.auth.S3SigV4Auth if case["isS3"] else botocore.auth.SigV4Auth
            signer = kind(
                Credentials(case["accessKey"], case["secret"], case.get("token")), case["service"], case["region"])
            path = urllib.parse.quote(case["path"], safe="/~")
            request = AWSRequest(
                method=case["method"], url="https://" + case["host"] + path,
                params=[tuple(pair) for pair in case["query"]], data=bytes(case["body"]))
            for name, value in case["headers"]:
                request.headers.add_header(name, value)
            now = datetime.datetime.fromtimestamp(case["time"], datetime.timezone.utc)
            botocore.auth.get_current_datetime = lambda *_, **__: now
            signer.add_auth(request)
            authorization = request.headers["Authorization"]
            del request.headers["Authorization"]
            verdicts.append({
                "authorization": authorization, "canonical": signer.canonical_request(request)})
        print(json.dumps(verdicts))

        """
}
