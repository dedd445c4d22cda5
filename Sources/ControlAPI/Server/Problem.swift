internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore

/// An error as RFC 9457 writes it.
struct Problem: Encodable {
    var title: String
    var status: Int
    var detail: String
    var instance: String
}

/// An error that a handler answers with.
struct ProblemError: Error {
    let status: HTTPResponse.Status
    let detail: String

    init(_ status: HTTPResponse.Status, _ detail: String) {
        self.status = status
        self.detail = detail
    }
}

/// Turns every error below it into a problem document. What went wrong inside is logged, not told.
struct ProblemMiddleware: RouterMiddleware {
    let table: RouteTable

    func handle(
        _ request: Request, context: ControlContext,
        next: (Request, ControlContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as ProblemError {
            return try response(error.status, error.detail, request)
        } catch let error as HTTPError {
            if error.status == .notFound, let methods = table.methods(at: request.uri.path) {
                let allowed = methods.map(\.rawValue)
                return try response(
                    .methodNotAllowed, "\(request.uri.path) takes \(allowed.joined(separator: " and ")) only.",
                    request, headers: [.allow: allowed.joined(separator: ", ")])
            }
            let detail = error.status == .notFound ? "There is nothing at this path." : error.body
            return try response(error.status, detail ?? error.status.reasonPhrase, request, headers: error.headers)
        } catch {
            context.logger.error("the control API failed", metadata: ["reason": "\(error)"])
            return try response(.internalServerError, "The reason is in the log of the edge.", request)
        }
    }

    private func response(
        _ status: HTTPResponse.Status, _ detail: String, _ request: Request, headers: HTTPFields = [:]
    ) throws -> Response {
        let problem = Problem(
            title: status.reasonPhrase, status: status.code, detail: detail, instance: request.uri.path)
        var response = try Response.json(problem, status: status, type: "application/problem+json")
        response.headers.append(contentsOf: headers)
        return response
    }
}

extension Response {
    static func text(_ text: String, type: String) -> Response {
        Response(status: .ok, headers: .document(type), body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, type: String = "application/json"
    ) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = try encoder.encode(value)
        return Response(status: status, headers: .document(type), body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension HTTPFields {
    /// What is told here is true now and at no other time, and is no page for a browser to guess at.
    fileprivate static func document(_ type: String) -> HTTPFields {
        [.contentType: type, .cacheControl: "no-store", .xContentTypeOptions: "nosniff"]
    }
}
