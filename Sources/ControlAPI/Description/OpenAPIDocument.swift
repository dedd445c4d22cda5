internal import HTTPTypes
internal import Registry

/// `/openapi.json` (OpenAPI 3.1), made of the operations that are served.
struct OpenAPIDocument {
    let operations: [Operation]
    let version: String

    var json: JSONValue {
        let paths = Dictionary(grouping: operations.filter(\.isDescribed), by: \.path).mapValues {
            operations -> JSONValue in
            .object(
                Dictionary(operations.map { ($0.method.rawValue.lowercased(), Self.json($0)) }) { first, _ in first })
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Sallyport control API", "version": .string(version),
                "description": """
                Watches and changes a running edge. Errors are problem documents (RFC 9457). Every answer below /v1 \
                tells what is left of the limits in RateLimit and RateLimit-Policy.
                """,
            ],
            "paths": .object(paths),
            "components": [
                "schemas": ["Problem": Self.problem.json],
                "securitySchemes": [
                    "key": ["type": "apiKey", "in": "header", "name": "X-API-Key"],
                    "bearer": ["type": "http", "scheme": "bearer"],
                    "session": ["type": "apiKey", "in": "cookie", "name": .string(SessionTable.cookie)],
                ],
            ],
        ]
    }

    static let problem = Schema.object([
        .needed("type", .string()), .needed("title", .string()), .needed("status", .integer(400...599)),
        .needed("detail", .string()), .needed("instance", .string()),
        .maybe("errors", .array(.object([.needed("field", .string()), .needed("detail", .string())]))),
    ])

    private static func json(_ operation: Operation) -> JSONValue {
        var parts: [String: JSONValue] = [
            "operationId": .string(operation.id), "summary": .string(operation.summary),
            "tags": [.string(operation.group)], "responses": responses(operation),
        ]
        if !operation.parameters.isEmpty { parts["parameters"] = .array(operation.parameters.map(json)) }
        if let body = operation.body {
            parts["requestBody"] = ["required": true, "content": ["application/json": ["schema": body.json]]]
        }
        switch operation.access {
        case .open: parts["security"] = []
        case .local: parts["security"] = [[:], ["key": []], ["bearer": []], ["session": []]]
        case .role(let role):
            parts["security"] = [["key": []], ["bearer": []], ["session": []]]
            parts["description"] = .string("Needs the role \(role.rawValue).")
        }
        return .object(parts)
    }

    private static func json(_ parameter: Operation.Parameter) -> JSONValue {
        var parts: [String: JSONValue] = [
            "name": .string(parameter.name), "in": .string(parameter.place.rawValue),
            "description": .string(parameter.summary), "required": .boolean(parameter.isRequired),
            "schema": parameter.isRepeated
                ? ["type": "array", "items": parameter.schema.json, "maxItems": 20] : parameter.schema.json,
        ]
        if parameter.isRepeated {
            parts["style"] = "form"
            parts["explode"] = true
        }
        return .object(parts)
    }

    private static func responses(_ operation: Operation) -> JSONValue {
        var responses: [String: JSONValue] = [:]
        for answer in operation.answers {
            var parts: [String: JSONValue] = ["description": .string(answer.summary)]
            if !answer.content.isEmpty {
                parts["content"] = .object(
                    answer.content.mapValues { ["schema": $0.json] })
            }
            var headers = answer.headers
            if operation.path.hasPrefix("/v1") {
                headers["RateLimit"] = "What is left of each limit, and in how many seconds it is whole again."
                headers["RateLimit-Policy"] = "The limits."
            }
            if !headers.isEmpty {
                parts["headers"] = .object(
                    headers.mapValues { ["description": .string($0), "schema": ["type": "string"]] })
            }
            responses[String(answer.status)] = .object(parts)
        }
        for status in problemStatuses(operation) where responses[String(status)] == nil {
            let reference: JSONValue = ["$ref": "#/components/schemas/Problem"]
            responses[String(status)] = [
                "description": .string(HTTPResponse.Status(code: status).reasonPhrase),
                "content": ["application/problem+json": ["schema": reference]],
            ]
        }
        return .object(responses)
    }

    /// What an operation may answer when something is wrong.
    private static func problemStatuses(_ operation: Operation) -> Set<Int> {
        var statuses: Set<Int> = [400, 429, 500, 503]
        if operation.access != .open { statuses.formUnion([401, 403]) }
        if operation.body != nil { statuses.formUnion([408, 413, 415]) }
        if operation.parameters.contains(where: { $0.place == .path }) { statuses.insert(404) }
        return statuses.union(operation.problems)
    }
}
