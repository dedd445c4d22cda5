import CoreTypes
import Foundation
import Testing

@testable import Perimeter

enum Examples {
    static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs/perimeter.example.yaml").path

    /// The shipped example.
    static func declaration() throws -> Declaration { try Declaration.load(path: file) }

    static func text() throws -> String { try String(contentsOfFile: file, encoding: .utf8) }
}

func network(_ text: String) throws -> IPNetwork { try IPNetwork(parsing: text) }
