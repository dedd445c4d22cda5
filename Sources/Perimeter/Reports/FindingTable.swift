/// Findings as a table of text.
public struct FindingTable: Sendable {
    private static let heads = ["SEVERITY", "FINDING", "ROLE", "GROUP", "RULE"]
    private static let gap = 2

    private let findings: [Finding]

    public init(_ findings: [Finding]) {
        self.findings = findings
    }

    /// No line is longer than `width`, at least 60: cells that don't fit go on in the next line. Below each finding stand
    /// what was seen and what to do; at the end, how many there are.
    public func text(width: Int) -> String {
        guard !findings.isEmpty else { return "No findings.\n" }
        let width = max(width, 60)
        let rows = findings.map { finding in
            [
                finding.severity.rawValue, finding.id.rawValue, finding.role ?? "-", finding.group ?? "-",
                finding.rule?.description ?? "-",
            ].map(PlainText.clean)
        }
        let columns = Self.columns(rows, width)
        var lines = Self.lines(Self.heads, columns)
        for (finding, row) in zip(findings, rows) {
            lines += Self.lines(row, columns)
            lines += Self.indented(finding.evidence, width)
            lines += Self.indented("-> " + finding.mend, width)
        }
        return (lines + [""] + PlainText.wrap(Self.summary(findings), width: width)).joined(separator: "\n") + "\n"
    }

    private static func summary(_ findings: [Finding]) -> String {
        let parts = Severity.allCases.sorted(by: >).compactMap { severity -> String? in
            let count = findings.count { $0.severity == severity }
            return count > 0 ? "\(count) \(severity.rawValue)" : nil
        }
        return "\(findings.count) \(findings.count == 1 ? "finding" : "findings"): \(parts.joined(separator: ", "))"
    }

    /// As wide as their widest cell; the widest shrink until all fit, but for the severity.
    private static func columns(_ rows: [[String]], _ width: Int) -> [Int] {
        var columns = heads.indices.map { column in ([heads] + rows).map { $0[column].count }.max() ?? 0 }
        let room = width - gap * (heads.count - 1)
        while columns.reduce(0, +) > room,
            let widest = columns.indices.dropFirst().max(by: { columns[$0] < columns[$1] })
        {
            columns[widest] -= 1
        }
        return columns
    }

    private static func lines(_ cells: [String], _ columns: [Int]) -> [String] {
        let wrapped = zip(cells, columns).map { PlainText.wrap($0, width: $1) }
        return (0..<(wrapped.map(\.count).max() ?? 0)).map { line in
            let parts = zip(wrapped, columns).map { cell, width in
                PlainText.pad(line < cell.count ? cell[line] : "", width)
            }
            let text = parts.joined(separator: String(repeating: " ", count: gap))
            return String(text.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func indented(_ text: String, _ width: Int) -> [String] {
        PlainText.wrap(PlainText.clean(text), width: width - 4).map { "    " + $0 }
    }
}
