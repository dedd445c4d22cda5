import Foundation
import Testing

/// That docs/threat-model.md tells the truth about its tests.
@Suite struct ThreatModelTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Files and names of tests that the document names.
    private static func named() throws -> [(file: String, test: String)] {
        let text = try String(
            contentsOf: root.appendingPathComponent("docs/threat-model.md"), encoding: .utf8)
        return text.split(separator: "\n").filter { $0.hasPrefix("| ") }.compactMap { row in
            guard let last = row.split(separator: "|").last?.trimmingCharacters(in: .whitespaces),
                last.hasPrefix("`"), let end = last.dropFirst().firstIndex(of: "`")
            else { return nil }
            let test = last[last.index(after: end)...].drop { $0 == ":" || $0 == " " }
            return (String(last[last.index(after: last.startIndex)..<end]), String(test))
        }
    }

    @Test("each attempt's test is there")
    func tests() throws {
        let named = try Self.named()
        #expect(named.count >= 40)
        for (file, test) in named {
            let source = try String(
                contentsOf: Self.root.appendingPathComponent("Tests/\(file)"), encoding: .utf8)
            #expect(source.contains(test + "\""), "\(file): \(test)")
        }
    }

    @Test("attempts are numbered without a gap")
    func numbers() throws {
        let text = try String(
            contentsOf: Self.root.appendingPathComponent("docs/threat-model.md"), encoding: .utf8)
        let numbers = text.split(separator: "\n").compactMap { row in
            row.hasPrefix("| ") ? Int(row.dropFirst(2).prefix { $0.isNumber }) : nil
        }
        #expect(numbers == Array(1...max(1, numbers.count)))
    }
}
