/// What a value of a request or an answer looks like: as the document at `/openapi.json` says it (JSON Schema 2020-12),
/// and as requests are checked. One description for both, so that the document is true.
indirect enum Schema: Sendable {
    case string(Text = Text())
    case integer(ClosedRange<Int>)
    case number
    case boolean
    case choice([String])
    case array(Schema, count: ClosedRange<Int> = 0...1_000_000)
    case object([Member])
    /// Names that are not known beforehand.
    case map(Schema, names: Text = Text())
    case nullable(Schema)
    case anything

    struct Text: Sendable {
        /// Characters, as JSON Schema counts them.
        var length = 0...1_000_000
        /// Each character is one of these; nil: any.
        var characters: Set<Character>?
        /// A name for what the text must be beyond that, with what to say when it is not.
        var format: Format?
    }

    struct Format: Sendable {
        let name: String
        let expected: String
        let accepts: @Sendable (String) -> Bool
    }

    struct Member: Sendable {
        let name: String
        let schema: Schema
        var isRequired = true
        var summary: String?
        var fallback: JSONValue?
    }
}

extension Schema.Member {
    /// A member that has to be there.
    static func needed(_ name: String, _ schema: Schema, _ summary: String? = nil) -> Schema.Member {
        .init(name: name, schema: schema, summary: summary)
    }

    /// A member that may be missing.
    static func maybe(
        _ name: String, _ schema: Schema, _ summary: String? = nil, otherwise fallback: JSONValue? = nil
    ) -> Schema.Member {
        .init(name: name, schema: schema, isRequired: false, summary: summary, fallback: fallback)
    }
}

/// One thing that is wrong with a request.
struct FieldProblem: Encodable, Sendable, Equatable {
    let field: String
    let detail: String
}

// MARK: Checking

extension Schema {
    /// What is wrong with a value; nothing when it is right.
    /// - Parameter field: its name, as the sender knows it.
    func problems(with value: JSONValue, at field: String) -> [FieldProblem] {
        func wrong(_ detail: String) -> [FieldProblem] { [.init(field: field, detail: detail)] }
        switch (self, value) {
        case (.string(let text), .string(let value)):
            return text.complaint(about: value).map(wrong) ?? []
        case (.string, _):
            return wrong("must be a text")
        case (.integer(let range), .integer(let value)):
            return range.contains(value)
                ? [] : wrong("must be a number from \(range.lowerBound) to \(range.upperBound)")
        case (.integer(let range), _):
            return wrong("must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        case (.number, .integer), (.number, .number), (.boolean, .boolean), (.nullable, .null), (.anything, _):
            return []
        case (.number, _):
            return wrong("must be a number")
        case (.boolean, _):
            return wrong("must be true or false")
        case (.choice(let choices), .string(let value)) where choices.contains(value):
            return []
        case (.choice(let choices), _):
            return wrong("must be one of \(choices.joined(separator: ", "))")
        case (.array(let element, let count), .array(let values)):
            guard count.contains(values.count) else {
                return wrong("must have \(count.lowerBound) to \(count.upperBound) elements")
            }
            return values.enumerated().flatMap { element.problems(with: $1, at: "\(field)[\($0)]") }
        case (.array, _):
            return wrong("must be a list")
        case (.object(let members), .object(let values)):
            return Self.problems(with: values, members, at: field)
        case (.map(let element, let names), .object(let values)):
            return values.sorted { $0.key < $1.key }.flatMap { name, value in
                let place = "\(field).\(name.prefix(64))"
                guard let complaint = names.complaint(about: name) else {
                    return element.problems(with: value, at: place)
                }
                return [FieldProblem(field: place, detail: "has a name that \(complaint)")]
            }
        case (.object, _), (.map, _):
            return wrong("must be an object")
        case (.nullable(let schema), let value):
            return schema.problems(with: value, at: field)
        }
    }

    private static func problems(
        with values: [String: JSONValue], _ members: [Member], at field: String
    ) -> [FieldProblem] {
        let prefix = field.isEmpty ? "" : field + "."
        var problems = members.flatMap { member in
            guard let value = values[member.name] else {
                return member.isRequired ? [FieldProblem(field: prefix + member.name, detail: "is missing")] : []
            }
            return member.schema.problems(with: value, at: prefix + member.name)
        }
        let known = members.map(\.name)
        for name in values.keys.sorted() where !known.contains(name) {
            problems.append(
                .init(
                    field: prefix + name.prefix(64),
                    detail: "is not known here; known are \(known.joined(separator: ", "))"))
        }
        return problems
    }
}

extension Schema.Text {
    fileprivate func complaint(about text: String) -> String? {
        // JSON Schema counts code points.
        let count = text.unicodeScalars.count
        if !length.contains(count) {
            return "must have \(length.lowerBound) to \(length.upperBound) characters, and has \(count)"
        }
        if let characters, !text.allSatisfy(characters.contains) { return "has characters that it may not have" }
        if let format, !format.accepts(text) { return "must be \(format.expected)" }
        return nil
    }
}

// MARK: Describing

extension Schema {
    var json: JSONValue {
        switch self {
        case .string(let text): text.json
        case .integer(let range):
            ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
        case .number: ["type": "number"]
        case .boolean: ["type": "boolean"]
        case .choice(let choices): ["type": "string", "enum": .array(choices.map(JSONValue.string))]
        case .array(let element, let count):
            [
                "type": "array", "items": element.json, "minItems": .integer(count.lowerBound),
                "maxItems": .integer(count.upperBound),
            ]
        case .object(let members): Self.json(members)
        case .map(let element, let names):
            ["type": "object", "additionalProperties": element.json, "propertyNames": names.json]
        case .anything: [:]
        case .nullable(let schema): ["anyOf": [schema.json, ["type": "null"]]]
        }
    }

    private static func json(_ members: [Member]) -> JSONValue {
        let properties = members.map { member in
            var schema = member.schema.json
            if case .object(var parts) = schema {
                if let summary = member.summary { parts["description"] = .string(summary) }
                if let fallback = member.fallback { parts["default"] = fallback }
                schema = .object(parts)
            }
            return (member.name, schema)
        }
        return [
            "type": "object", "additionalProperties": false,
            "properties": .object(Dictionary(properties) { first, _ in first }),
            "required": .array(members.filter(\.isRequired).map { .string($0.name) }),
        ]
    }
}

extension Schema.Text {
    fileprivate var json: JSONValue {
        var parts: [String: JSONValue] = ["type": "string"]
        if length != Schema.Text().length {
            parts["minLength"] = .integer(length.lowerBound)
            parts["maxLength"] = .integer(length.upperBound)
        }
        if let characters {
            let escaped = characters.sorted().map { "\\].-^/".contains($0) ? "\\\($0)" : String($0) }
            parts["pattern"] = .string("^[\(escaped.joined())]*$")
        }
        if let format { parts["format"] = .string(format.name) }
        return .object(parts)
    }
}
