internal import CoreTypes
internal import Crypto
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// A request that has passed the gate: who asks, and what, checked against the description of its operation.
struct Inquiry: Sendable {
    let request: Request
    let context: ControlContext
    /// Whoever may do what nobody needs a key for has none.
    let principal: Principal?
    fileprivate let values: [String: [String]]
    fileprivate let content: Data?

    /// As the witness names who asks.
    var actor: String { principal?.actor ?? "nobody" }

    /// A parameter of path or query; nil where it was not given.
    subscript(name: String) -> String? { values[name]?.first }

    func all(_ name: String) -> [String] { values[name] ?? [] }

    func integer(_ name: String) -> Int? { self[name].flatMap { Int($0) } }

    var limit: Int { integer("limit") ?? 100 }

    /// - Throws: ``ProblemError``; not for what the description lets pass.
    func body<Body: Decodable>(as type: Body.Type) throws -> Body {
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(type, from: content ?? Data())
        } catch {
            throw ProblemError(.badRequest, "The body is not what this operation takes.")
        }
    }

    /// What `If-Match` asks for: that what is changed is what the client has seen.
    /// - Parameter isRequired: a request without it is refused, since it might undo what somebody else has done.
    func checkMatch(_ current: some Encodable, isRequired: Bool) throws {
        guard let wanted = request.headers[.ifMatch] else {
            guard isRequired else { return }
            throw ProblemError(
                .preconditionRequired,
                "Say what you have seen: send the ETag of it as If-Match, or * to change it anyway.")
        }
        let tags = wanted.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let tag = try Self.tag(of: current)
        guard tags.contains("*") || tags.contains(tag) else {
            throw ProblemError(.preconditionFailed, "It has been changed since: read it again.")
        }
    }

    /// An entity tag (RFC 9110 section 8.8.3) by content.
    static func tag(of value: some Encodable) throws -> String {
        let digest = SHA256.hash(data: try JSONEncoder.canonical.encode(value))
        return "\"\(Hexadecimal.string(Array(digest.prefix(12))))\""
    }
}

extension Inquiry {
    /// Bytes of a request's body.
    static let mostBytes = 65_536

    /// Reads what was sent, and checks all of it before it says what is wrong.
    init(_ request: Request, _ context: ControlContext, _ operation: Operation, _ principal: Principal?) async throws {
        self.request = request
        self.context = context
        self.principal = principal
        var problems: [FieldProblem] = []
        values = try Self.values(request, context, operation, &problems)
        guard let schema = operation.body else {
            content = nil
            guard problems.isEmpty else { throw ProblemError(invalid: problems) }
            return
        }
        let type = request.headers[.contentType]?.prefix { $0 != ";" }.lowercased() ?? ""
        guard type.trimmingCharacters(in: .whitespaces) == "application/json" else {
            throw ProblemError(.unsupportedMediaType, "The body is to be application/json.")
        }
        let data = try await Self.read(request)
        content = data
        do {
            problems += schema.problems(with: try JSONDecoder().decode(JSONValue.self, from: data), at: "")
        } catch {
            throw ProblemError(.badRequest, "The body is no JSON.")
        }
        guard problems.isEmpty else { throw ProblemError(invalid: problems) }
    }

    /// From the request's head to its body's last byte.
    static let longestBody = Duration.seconds(20)

    private static func read(_ request: Request) async throws -> Data {
        try await withThrowingTaskGroup(of: Data.self) { group in
            group.addTask {
                do {
                    return Data(try await request.body.collect(upTo: mostBytes).readableBytesView)
                } catch is NIOTooManyBytesError {
                    throw ProblemError(.contentTooLarge, "A body has at most \(mostBytes) bytes.")
                }
            }
            group.addTask {
                try await Task.sleep(for: longestBody)
                throw ProblemError(.requestTimeout, "The body has not come within \(longestBody.components.seconds) s.")
            }
            defer { group.cancelAll() }
            guard let data = try await group.next() else { return Data() }
            return data
        }
    }

    private static func values(
        _ request: Request, _ context: ControlContext, _ operation: Operation, _ problems: inout [FieldProblem]
    ) throws -> [String: [String]] {
        var given: [String: [String]] = [:]
        for (name, value) in request.uri.queryParameters { given[String(name), default: []].append(String(value)) }
        let known = operation.parameters.filter { $0.place == .query }.map(\.name)
        for name in given.keys.sorted() where !known.contains(name) {
            let mend = known.isEmpty ? "this takes none" : "known are \(known.joined(separator: ", "))"
            problems.append(.init(field: String(name.prefix(64)), detail: "is no parameter; \(mend)"))
        }
        for parameter in operation.parameters {
            switch parameter.place {
            case .path:
                guard let text = try context.parameters.require(parameter.name).removingPercentEncoding else {
                    problems.append(.init(field: parameter.name, detail: "is no text of UTF-8"))
                    continue
                }
                given[parameter.name] = [text]
            case .header:
                given[parameter.name] = HTTPField.Name(parameter.name).flatMap { request.headers[$0] }.map { [$0] }
            case .query: break
            }
            let texts = given[parameter.name] ?? []
            if parameter.isRequired, texts.isEmpty {
                problems.append(.init(field: parameter.name, detail: "is missing"))
            }
            if texts.count > (parameter.isRepeated ? 20 : 1) {
                problems.append(.init(field: parameter.name, detail: "stands too many times"))
            }
            for text in texts {
                problems += parameter.schema.problems(with: parameter.schema.value(of: text), at: parameter.name)
            }
        }
        return given
    }
}

extension Schema {
    /// What a text in a path or query means where this is expected.
    fileprivate func value(of text: String) -> JSONValue {
        switch self {
        case .integer: Int(text).map(JSONValue.integer) ?? .string(text)
        case .number: Double(text).map(JSONValue.number) ?? .string(text)
        case .boolean: Bool(text).map(JSONValue.boolean) ?? .string(text)
        default: .string(text)
        }
    }
}
