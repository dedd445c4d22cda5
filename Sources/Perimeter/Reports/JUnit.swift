/// Findings as the XML that continuous integration reads test results from.
///
/// Each kind of finding is a test. It fails by each finding at or above a severity, and passes, with what was found as its
/// output, by lesser ones.
public struct JUnit: Sendable {
    private let findings: [Finding]
    private let failOn: Severity

    public init(_ findings: [Finding], failOn: Severity) {
        self.findings = findings
        self.failOn = failOn
    }

    public var text: String {
        var cases: [String] = []
        for id in FindingID.allCases {
            let found = findings.filter { $0.id == id }
            if found.isEmpty { cases.append(#"    <testcase classname="perimeter" name="\#(id.rawValue)"/>"#) }
            cases += found.map(testcase)
        }
        let failures = findings.count { $0.severity >= failOn }
        let counts = #"tests="\#(cases.count)" failures="\#(failures)" errors="0""#
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="sallyport perimeter" \(counts)>
              <testsuite name="sallyport perimeter audit" \(counts)>
            \(cases.joined(separator: "\n"))
              </testsuite>
            </testsuites>

            """
    }

    private func testcase(_ finding: Finding) -> String {
        let subject = [finding.id.rawValue, finding.role, finding.group, finding.rule?.description]
            .compactMap { $0 }.joined(separator: " ")
        let head = #"    <testcase classname="perimeter" name="\#(Self.escaped(subject))">"#
        let body = Self.escaped("\(finding.severity.rawValue): \(finding.evidence). \(finding.mend)")
        let inner =
            finding.severity >= failOn
            ? #"<failure type="\#(finding.id.rawValue)" message="\#(Self.escaped(finding.id.title))">\#(body)</failure>"#
            : "<system-out>\(body)</system-out>"
        return "\(head)\n      \(inner)\n    </testcase>"
    }

    private static func escaped(_ text: String) -> String {
        PlainText.clean(text).reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&apos;"
            default: result.append(character)
            }
        }
    }
}
