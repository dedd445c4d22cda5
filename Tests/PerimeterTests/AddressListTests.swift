import CoreTypes
import Foundation
import SettingsFile
import Testing

@testable import Perimeter

@Suite struct AddressListTests {
    struct Edit: Sendable, CustomTestStringConvertible {
        var before: String
        var admin: [String]
        var after: String

        init(_ before: String, _ admin: [String], _ after: String) {
            self.before = before
            self.admin = admin
            self.after = after
        }

        var testDescription: String { before }
    }

    static let edits: [Edit] = [
        Edit("admin: [192.0.2.1/32]  # us\n", ["192.0.2.2/32"], "admin: [192.0.2.2/32]  # us\n"),
        Edit("admin: [192.0.2.1]\n", ["192.0.2.2/32"], "admin: [192.0.2.2/32]\n"),
        Edit("admin: 192.0.2.1\n", ["192.0.2.2/32"], "admin: 192.0.2.2/32\n"),
        Edit("admin: \"192.0.2.1\" # x\n", ["192.0.2.2/32"], "admin: 192.0.2.2/32 # x\n"),
        Edit("admin: 192.0.2.1\n", ["192.0.2.2/32", "192.0.2.3/32"], "admin: [192.0.2.2/32, 192.0.2.3/32]\n"),
        Edit(
            "admin: [192.0.2.1/32]\n", ["192.0.2.1/32", "2001:db8::1/128"], "admin: [192.0.2.1/32, 2001:db8::1/128]\n"),
        Edit("admin: [192.0.2.1/32, 192.0.2.2/32]\n", ["192.0.2.2/32"], "admin: [192.0.2.2/32]\n"),
        Edit("admin: [192.0.2.1/32, 192.0.2.2/32]\n", ["192.0.2.1/32"], "admin: [192.0.2.1/32]\n"),
        Edit(
            "admin: [192.0.2.1/32, 192.0.2.2/32, 192.0.2.3/32, 192.0.2.4/32]\n", ["192.0.2.2/32"],
            "admin: [192.0.2.2/32]\n"),
        Edit("admin: [192.0.2.1/32]\n", [], "admin: []\n"),
        Edit("admin: []\n", ["192.0.2.1/32"], "admin: [192.0.2.1/32]\n"),
        Edit("admin:\n", ["192.0.2.1/32"], "admin: [192.0.2.1/32]\n"),
        Edit("# head\n\nnever_cut_off: []\n", ["192.0.2.1/32"], "# head\n\nadmin: [192.0.2.1/32]\nnever_cut_off: []\n"),
        Edit(
            "admin:\n  # Ada\n  - 192.0.2.1/32   # at home\n  - 192.0.2.2/32   # Bo\n",
            ["192.0.2.9/32", "192.0.2.2/32"],
            "admin:\n  # Ada\n  - 192.0.2.9/32   # at home\n  - 192.0.2.2/32   # Bo\n"),
        Edit(
            "admin:\n  - 192.0.2.1/32   # Ada\n  - 192.0.2.2/32   # Bo\n", ["192.0.2.2/32"],
            "admin:\n  - 192.0.2.2/32   # Bo\n"),
        Edit(
            "admin:\n- 192.0.2.1/32 # Ada\n", ["192.0.2.1/32", "192.0.2.2/32"],
            "admin:\n- 192.0.2.1/32 # Ada\n- 192.0.2.2/32\n"),
        Edit("admin:\n- 192.0.2.1/32", ["192.0.2.1/32", "192.0.2.2/32"], "admin:\n- 192.0.2.1/32\n- 192.0.2.2/32"),
        Edit(
            "admin:\r\n  - 192.0.2.1/32\r\n", ["192.0.2.2/32", "192.0.2.3/32"],
            "admin:\r\n  - 192.0.2.2/32\r\n  - 192.0.2.3/32\r\n"),
        Edit("admin:\n  - 192.0.2.1/32\n  - 192.0.2.2/32\n", [], "admin: []\n"),
        Edit(
            "admin: [\n  192.0.2.1/32, # Ada\n  192.0.2.2/32  # Bo\n]\n", ["192.0.2.1/32", "192.0.2.3/32"],
            "admin: [\n  192.0.2.1/32, # Ada\n  192.0.2.3/32  # Bo\n]\n"),
        Edit(
            "# Größe: admin\nadmin: [192.0.2.1/32] # ü\n", ["192.0.2.2/32"],
            "# Größe: admin\nadmin: [192.0.2.2/32] # ü\n"),
    ]

    @Test("only the list changes, byte for byte", arguments: edits)
    func onlyListChanges(edit: Edit) throws {
        let tail = edit.before.hasSuffix("\n") ? "provider: {aws: {vpc: vpc-1}}  # the end \t\n" : ""
        let head = tail.isEmpty ? "provider: {aws: {vpc: vpc-1}}\n" : ""
        let result = try Declaration.rewriting(
            head + edit.before + tail, file: "p.yaml", admin: try edit.admin.map(network), neverCutOff: [])
        #expect(result == head + edit.after + tail)
    }

    @Test("what stays the same is left alone, in whatever way it is written")
    func sameIsLeftAlone() throws {
        let text = try Examples.text()
        let example = try Examples.declaration()
        let same = try Declaration.rewriting(
            text, file: "p.yaml", admin: example.admin, neverCutOff: example.neverCutOff)
        #expect(same == text)
        let new = [try network("198.51.100.9/32")]
        let moved = try Declaration.rewriting(text, file: "p.yaml", admin: new, neverCutOff: new)
        #expect(moved == text.replacingOccurrences(of: "[203.0.113.7/32]", with: "[198.51.100.9/32]"))
        #expect(try Declaration.parse(moved, file: "p.yaml").admin == new)
    }

    @Test("a list that can't be changed alone is refused with what to write")
    func refusedWithWhatToWrite() throws {
        let text = "admin: &us [192.0.2.1/32]\nnever_cut_off: *us\nprovider: {aws: {vpc: vpc-1}}\n"
        let error = try #require(throws: ConfigurationError.self) {
            try Declaration.rewriting(
                text, file: "p.yaml", admin: [try network("192.0.2.2/32")], neverCutOff: [try network("192.0.2.1/32")])
        }
        #expect(error.description.contains("change it by hand to [192.0.2.2/32]"))
    }

    @Test("no text makes an edit go wrong without saying so", arguments: 0..<20)
    func noTextGoesWrong(seed: Int) throws {
        var generator = Generator(UInt64(4500 + seed))
        let words = [
            "[", "]", ",", "&a ", "*a", "- ", "\n", "\r\n", "#", "'", "\"", "~", "é", ": ", "|", "  ", "192.0.2.1/32",
            "admin",
        ]
        let good = [
            "admin: [192.0.2.1/32, 192.0.2.2/32] # x\nprovider: {aws: {vpc: v}}\n",
            "never_cut_off: [&a 192.0.2.1/32]\nadmin: [192.0.2.2/32, *a]\nprovider: {aws: {vpc: v}}\n",
            "admin:\n  - 192.0.2.1/32\n  - 192.0.2.2/32\nprovider: {aws: {vpc: v}}\nnever_cut_off:\n",
        ]
        let pool = try (1...4).map { try network("192.0.2.\($0)/32") }
        for _ in 0..<60 {
            var text = Array(generator.pick(good).unicodeScalars)
            for _ in 0..<generator.number(0...3) {
                let place = generator.number(0...text.count)
                if generator.chance(50) {
                    text.insert(contentsOf: Array(generator.pick(words).unicodeScalars), at: place)
                } else {
                    text.removeSubrange(place..<min(text.count, place + generator.number(0...4)))
                }
            }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: text)
            let wanted = generator.some(of: pool, percent: 50)
            let result = try? Declaration.rewriting(String(view), file: "p.yaml", admin: wanted, neverCutOff: [])
            // A refusal is an answer; a text must be the right one.
            guard let result else { continue }
            let report = Report(file: "p.yaml")
            let read = try Declaration.read(result, report)
            #expect(report.problems == [] && Set(read.admin) == Set(wanted) && read.neverCutOff == [])
        }
    }

    @Test("random lists come out as wanted, or are refused", arguments: 0..<40)
    func randomLists(seed: Int) throws {
        var generator = Generator(UInt64(4000 + seed))
        let pool = try (1...6).map { try network("192.0.2.\($0)/32") }
        for _ in 0..<10 {
            let before = generator.some(of: pool, percent: 50).shuffled(using: &generator)
            let after = generator.some(of: pool, percent: 50).shuffled(using: &generator)
            let list =
                generator.chance(50) && !before.isEmpty
                ? "admin:\n" + before.map { "  - \($0)  # \($0.address)\n" }.joined()
                : "admin: [" + before.map(\.description).joined(separator: ", ") + "]  # all\n"
            let text = "# top\n" + list + "\n# middle\nprovider: {aws: {vpc: vpc-1}}\n"
            let result = try Declaration.rewriting(text, file: "p.yaml", admin: after, neverCutOff: [])
            let read = try Declaration.parse(result, file: "p.yaml")
            #expect(Set(read.admin) == Set(after))
            #expect(
                result.hasPrefix("# top\nadmin:") && result.hasSuffix("\n# middle\nprovider: {aws: {vpc: vpc-1}}\n"))
            for kept in before where after.contains(kept) && list.contains("  - ") {
                #expect(result.contains("  - \(kept)  # \(kept.address)\n"))
            }
        }
    }
}
