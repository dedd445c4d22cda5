import Defense
import Foundation
import SIPMessage
import Testing

/// The examples of RFC 2617 and RFC 7616, and vectors for SIP's own methods, beside the checkout.
enum DigestVectors {
    private static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("../shared/vectors/digest_vectors.tsv").standardizedFileURL
        .path

    static let areThere = FileManager.default.fileExists(atPath: path)

    struct Vector: Sendable, CustomStringConvertible {
        let fields: [String: String]
        subscript(name: String) -> String { fields[name] ?? "" }
        var description: String { "\(self["source"]) \(self["algorithm"]) \(self["qop"])" }
    }

    static let all: [Vector] = {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        let lines = text.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        guard let names = lines.first?.map(String.init) else { return [] }
        return lines.dropFirst().map { line in
            Vector(fields: Dictionary(zip(names, line.map(String.init))) { first, _ in first })
        }
    }()
}

@Suite(
    "Digest vectors (row 19)",
    .enabled(if: DigestVectors.areThere, "the vectors are not there: ../shared/vectors beside the checkout"))
struct DigestVectorTests {
    /// The edge offers `qop` and no `-sess`: what lacks the one or has the other is refused, not computed.
    @Test("the arithmetic gives what the RFCs print", arguments: DigestVectors.all)
    func computed(_ vector: DigestVectors.Vector) throws {
        guard !vector["algorithm"].hasSuffix("-sess") else {
            #expect(DigestAlgorithm(token: vector["algorithm"]) == nil)
            return
        }
        let algorithm = try #require(DigestAlgorithm(token: vector["algorithm"]))
        let ha1 = DigestComputation.ha1(
            algorithm, username: vector["username"], realm: vector["realm"], password: vector["password"])
        #expect(ha1 == vector["HA1"])
        guard !vector["qop"].isEmpty else { return }
        #expect(
            DigestComputation.response(
                algorithm, ha1: ha1, method: vector["method"], uri: vector["uri"], nonce: vector["nonce"],
                nonceCount: vector["nc"], cnonce: vector["cnonce"], qop: vector["qop"],
                body: Array(vector["body"].utf8)) == vector["response"])
    }

    @Test("there are vectors for each algorithm")
    func complete() {
        #expect(Set(DigestVectors.all.compactMap { DigestAlgorithm(token: $0["algorithm"]) }).count == 3)
    }
}
