import Foundation
import TestSupport

/// What a request by curl has come to.
struct CurlAnswer {
    /// curl's exit code: 0, or why there is no answer.
    let code: Int32
    let errors: String
    /// 0 when there is no answer.
    let status: Int
    /// By their names in lower case.
    let headers: [String: String]
    let body: String

    /// curl's exit codes.
    static let refused: Int32 = 7
    static let timedOut: Int32 = 28
    static let handshakeFailed: Int32 = 35

    /// - Parameter launcher: a program with its first arguments that becomes curl, such as one that enters a namespace.
    static func of(_ arguments: [String], through launcher: [String] = []) throws -> CurlAnswer {
        let outcome = try run(arguments, launcher)
        return CurlAnswer(outcome.output, outcome)
    }

    /// The answers to several requests over one connection, of HTTP/2.
    static func all(_ arguments: [String], through launcher: [String] = []) throws -> [CurlAnswer] {
        let outcome = try run(arguments, launcher)
        return outcome.output.components(separatedBy: "HTTP/2 ").dropFirst().map { CurlAnswer("HTTP/2 " + $0, outcome) }
    }

    private static func run(_ arguments: [String], _ launcher: [String]) throws -> Outcome {
        let words = launcher + [try PeerProgram.curl.require(), "-sS", "--include", "--max-time", "20"] + arguments
        return try Child.run(words[0], Array(words.dropFirst()), in: "/")
    }

    private init(_ text: String, _ outcome: Outcome) {
        code = outcome.code
        errors = outcome.errors
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = (parts.first ?? "").split(separator: "\r\n")
        status = lines.first.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
        headers = Dictionary(
            lines.dropFirst().compactMap { line in
                guard let colon = line.firstIndex(of: ":") else { return nil }
                let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                return (line[..<colon].lowercased(), value)
            }, uniquingKeysWith: { $0 + ", " + $1 })
        body = parts.count > 1 ? String(parts[1]) : ""
    }
}
