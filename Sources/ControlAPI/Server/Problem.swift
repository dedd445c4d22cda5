internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import Registry

/// An error as RFC 9457 writes it.
struct Problem: Encodable {
    let type = "about:blank"
    var title: String
    var status: Int
    var detail: String
    var instance: String
    var errors: [FieldProblem]?
}

/// An error that a handler answers with.
struct ProblemError: Error {
    let status: HTTPResponse.Status
    let detail: String
    var errors: [FieldProblem] = []
    var headers: HTTPFields = [:]

    init(
        _ status: HTTPResponse.Status, _ detail: String, errors: [FieldProblem] = [], headers: HTTPFields = [:]
    ) {
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers
    }

    /// Bad input: every field that is wrong is named.
    init(invalid errors: [FieldProblem]) {
        let text = errors.prefix(10).map { "'\($0.field)' \($0.detail)" }.joined(separator: "; ")
        self.init(.badRequest, text + ".", errors: errors)
    }

    /// - Parameter field: what in the request it is about, for what is invalid.
    init(_ error: RegistryError, field: String) {
        switch error.code {
        case .notFound: self.init(.notFound, error.description)
        case .exists, .protected: self.init(.conflict, error.description)
        case .invalid: self.init(invalid: [.init(field: field, detail: error.description)])
        case .locked, .corrupt, .storage:
            self.init(.serviceUnavailable, error.description, headers: [.retryAfter: "5"])
        }
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
            return try response(error, request)
        } catch let error as HTTPError {
            return try response(problem(error, request), request)
        } catch {
            context.logger.error("the control API failed", metadata: ["reason": "\(error)"])
            return try response(ProblemError(.internalServerError, "The reason is in the log of the edge."), request)
        }
    }

    private func problem(_ error: HTTPError, _ request: Request) -> ProblemError {
        if error.status == .notFound, let methods = table.methods(at: request.uri.path) {
            let allowed = methods.map(\.rawValue)
            return ProblemError(
                .methodNotAllowed, "\(request.uri.path) takes \(allowed.joined(separator: " and ")) only.",
                headers: [.allow: allowed.joined(separator: ", ")])
        }
        let detail = error.status == .notFound ? "There is nothing at this path." : error.body
        return ProblemError(error.status, detail ?? error.status.reasonPhrase, headers: error.headers)
    }

    private func response(_ error: ProblemError, _ request: Request) throws -> Response {
        let problem = Problem(
            title: error.status.reasonPhrase, status: error.status.code, detail: error.detail,
            instance: request.uri.path, errors: error.errors.isEmpty ? nil : error.errors)
        var response = try Response.json(problem, status: error.status, type: "application/problem+json")
        for field in error.headers { response.headers[field.name] = field.value }
        return response
    }
}

extension Response {
    static func text(_ text: String, type: String) -> Response {
        Response(status: .ok, headers: .document(type), body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, type: String = "application/json",
        headers: HTTPFields = [:]
    ) throws -> Response {
        let bytes = try JSONEncoder.canonical.encode(value)
        var response = Response(
            status: status, headers: .document(type), body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
        for field in headers { response.headers[field.name] = field.value }
        return response
    }

    static var done: Response { Response(status: .noContent, headers: [.cacheControl: "no-store"]) }
}

extension JSONEncoder {
    /// Names in snake case; the same value is the same text each time.
    static var canonical: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}

extension HTTPFields {
    /// What is told here is true now and at no other time, and is no page for a browser to guess at.
    static func document(_ type: String) -> HTTPFields {
        [.contentType: type, .cacheControl: "no-store", .xContentTypeOptions: "nosniff"]
    }
}
