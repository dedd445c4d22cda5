internal import Foundation

/// Findings in the Static Analysis Results Interchange Format, version 2.1.0 (OASIS), for code scanners' viewers.
public struct SARIF: Sendable {
    private let findings: [Finding]
    private let file: String
    private let version: String

    /// - Parameters:
    ///   - file: path of the declaration, which findings are shown at; a relative one is best.
    ///   - version: of the program.
    public init(_ findings: [Finding], file: String, version: String) {
        self.findings = findings
        self.file = file
        self.version = version
    }

    public func text() throws -> String {
        let rules = FindingID.allCases.map { Log.Rule(id: $0, shortDescription: .init(text: $0.title)) }
        let driver = Log.Driver(name: "sallyport perimeter", version: version.isEmpty ? nil : version, rules: rules)
        let run = Log.Run(tool: .init(driver: driver), results: findings.map(result))
        return try JSONText.text(of: Log(runs: [run]))
    }

    private func result(_ finding: Finding) -> Log.Result {
        let uri = file.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? "perimeter.yaml"
        let subject = finding.group ?? finding.role
        return Log.Result(
            ruleId: finding.id, ruleIndex: FindingID.allCases.firstIndex(of: finding.id) ?? -1,
            level: Self.level(finding.severity), message: .init(text: "\(finding.evidence). \(finding.mend)"),
            locations: [
                .init(
                    physicalLocation: .init(artifactLocation: .init(uri: uri), region: .init(startLine: 1)),
                    logicalLocations: subject.map { [.init(name: $0, kind: "resource")] })
            ],
            // What makes it the same finding tomorrow: not the evidence, which tells of machines that come and go.
            partialFingerprints: [
                "finding/v1": [finding.id.rawValue, finding.role, finding.group, finding.rule?.description]
                    .map { $0 ?? "" }.joined(separator: "|")
            ],
            properties: .init(
                severity: finding.severity, role: finding.role, group: finding.group, rule: finding.rule,
                mend: finding.mend))
    }

    private static func level(_ severity: Severity) -> String {
        switch severity {
        case .critical, .high: "error"
        case .medium: "warning"
        case .low: "note"
        }
    }

    /// The part of the format that is used; names as the standard has them.
    private struct Log: Encodable {
        var schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
        var version = "2.1.0"
        var runs: [Run]

        enum CodingKeys: String, CodingKey {
            case schema = "$schema"
            case version, runs
        }

        struct Text: Encodable {
            var text: String
        }

        struct Rule: Encodable {
            var id: FindingID
            var shortDescription: Text
        }

        struct Driver: Encodable {
            var name: String
            var version: String?
            var rules: [Rule]
        }

        struct Tool: Encodable {
            var driver: Driver
        }

        struct Run: Encodable {
            var tool: Tool
            var results: [Result]
        }

        struct Result: Encodable {
            var ruleId: FindingID
            var ruleIndex: Int
            var level: String
            var message: Text
            var locations: [Location]
            var partialFingerprints: [String: String]
            var properties: Properties
        }

        struct Location: Encodable {
            var physicalLocation: PhysicalLocation
            var logicalLocations: [LogicalLocation]?
        }

        struct PhysicalLocation: Encodable {
            var artifactLocation: ArtifactLocation
            var region: Region
        }

        struct ArtifactLocation: Encodable {
            var uri: String
        }

        struct Region: Encodable {
            var startLine: Int
        }

        struct LogicalLocation: Encodable {
            var name: String
            var kind: String
        }

        struct Properties: Encodable {
            var severity: Severity
            var role: String?
            var group: String?
            var rule: Perimeter.Rule?
            var mend: String
        }
    }
}
