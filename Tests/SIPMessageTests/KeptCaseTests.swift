import Foundation
import FuzzProperties
import Testing

/// What fuzzing has found, and what its authors thought of beforehand, stays mended.
@Suite("Cases kept from fuzzing")
struct KeptCaseTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fuzz")

    @Test("every target's properties hold for its kept cases and its seeds", arguments: FuzzTarget.allCases)
    func kept(target: FuzzTarget) throws {
        for folder in ["Regressions", "Corpora"] {
            let directory = Self.root.appendingPathComponent("\(folder)/\(target.rawValue)")
            let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            #expect(files.count >= 2, "\(folder)/\(target.rawValue) is as good as empty")
            for file in files {
                let bytes = Array(try Data(contentsOf: file))
                #expect(target.violation(bytes) == nil, "\(folder)/\(target.rawValue)/\(file.lastPathComponent)")
            }
        }
    }
}
