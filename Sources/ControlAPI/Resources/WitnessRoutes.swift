internal import Hummingbird
internal import Registry
internal import SallyportConfiguration
internal import Witness

/// The log itself: its files, and whether it is as it was written.
struct WitnessRoutes {
    let configuration: Configuration

    private struct List: Encodable {
        struct File: Encodable {
            let name: String
            let first: Int
            let bytes: Int
            let compressed: Bool
        }

        let directory: String
        let files: [File]
        /// Those that checkpoints are signed with, base64, the newest last.
        let publicKeys: [String]
    }

    private struct Verification: Encodable {
        let ok: Bool
        let records: Int
        let checkpoints: Int
        let unsigned: Int
        let head: String?
        let findings: [String]
        let ms: Int
    }

    func add(to table: inout RouteTable) {
        let (directory, keys) = (configuration.witnessDirectory, configuration.stateDirectory + "/node.pub")
        table.add(Self.files) { _ in
            let list = try await witnessing {
                List(
                    directory: directory,
                    files: try WitnessFile.all(in: directory).map {
                        .init(name: $0.name, first: $0.first, bytes: $0.bytes, compressed: $0.isCompressed)
                    },
                    publicKeys: try WitnessPublicKey.load(fromFile: keys).map(\.base64))
            }
            return try Response.json(list)
        }
        table.add(Self.verify) { _ in
            let started = ContinuousClock.now
            let report = try await witnessing {
                try WitnessVerifier(directory: directory, keys: try WitnessPublicKey.load(fromFile: keys)).verify()
            }
            let findings = report.defect.map { [$0.description] } ?? []
            return try Response.json(
                Verification(
                    ok: report.defect == nil, records: report.records, checkpoints: report.checkpoints,
                    unsigned: report.unsigned, head: report.head, findings: findings + report.notes,
                    ms: Int((ContinuousClock.now - started) / .milliseconds(1))))
        }
    }

    private static let count = Schema.integer(0...Int.max)

    private static let files = Operation(
        method: .get, path: "/v1/witness", id: "getWitness", summary: "The log's files and keys.", group: "witness",
        answers: [
            .json(
                .object([
                    .needed("directory", .string()),
                    .needed(
                        "files",
                        .array(
                            .object([
                                .needed("name", .string()), .needed("first", count), .needed("bytes", count),
                                .needed("compressed", .boolean),
                            ]))), .needed("public_keys", .array(.string())),
                ]), "The files, the oldest first.")
        ])

    private static let verify = Operation(
        method: .post, path: "/v1/witness/verify", id: "verifyWitness",
        summary: "Walks the whole log and says whether it is as it was written.", group: "witness",
        access: .role(.operator),
        answers: [
            .json(
                .object([
                    .needed("ok", .boolean), .needed("records", count), .needed("checkpoints", count),
                    .needed("unsigned", count, "Behind the last checkpoint."), .maybe("head", .string()),
                    .needed("findings", .array(.string())), .needed("ms", count),
                ]), "What was found.")
        ])
}
