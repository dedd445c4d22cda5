internal import Foundation
internal import XMLCoder

/// The three shapes in which AWS's XML services tell an error: EC2's `Response`, `ErrorResponse` of the query protocol,
/// and S3's `Error`.
struct ErrorAnswer {
    let code: String
    let message: String?
    let requestID: String?

    /// - Returns: nil for anything else; a load balancer's page, or nothing at all.
    static func read(_ body: [UInt8]) -> ErrorAnswer? {
        guard let shape = try? XMLDecoder().decode(Shape.self, from: Data(body)) else { return nil }
        let entry = shape.errors?.entry ?? shape.error
        guard let code = entry?.code ?? shape.code, !code.isEmpty else { return nil }
        return ErrorAnswer(
            code: code, message: entry?.message ?? shape.message, requestID: shape.requestID ?? shape.requestId)
    }

    private struct Entry: Decodable {
        let code: String?
        let message: String?

        enum CodingKeys: String, CodingKey {
            case code = "Code"
            case message = "Message"
        }
    }

    private struct Entries: Decodable {
        let entry: Entry?

        enum CodingKeys: String, CodingKey { case entry = "Error" }
    }

    private struct Shape: Decodable {
        let errors: Entries?
        let error: Entry?
        let code: String?
        let message: String?
        let requestID: String?
        let requestId: String?

        enum CodingKeys: String, CodingKey {
            case errors = "Errors"
            case error = "Error"
            case code = "Code"
            case message = "Message"
            case requestID = "RequestID"
            case requestId = "RequestId"
        }
    }
}
