internal import Foundation

/// How this room writes JSON: sorted keys, so that the same is the same text; indented for people who look into it.
enum JSONText {
    static func text(of value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }

    static func value<Value: Decodable>(_ type: Value.Type, from text: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}

extension Plan {
    /// `{"changes":[{"action","group","rule",…}],"refusals":[…],"state":…}`, which `init(json:)` reads back.
    public func json() throws -> String { try JSONText.text(of: self) }

    /// Reads the text of a plan.
    public init(json text: String) throws(PlanFileError) {
        do {
            self = try JSONText.value(Plan.self, from: text)
        } catch let error as DecodingError {
            throw PlanFileError(error)
        } catch {
            throw PlanFileError(description: "this is not the JSON of a plan")
        }
    }
}

/// Why a text is no plan.
public struct PlanFileError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(description: String) {
        self.description = description
    }

    init(_ error: DecodingError) {
        let context =
            switch error {
            case .keyNotFound(_, let context), .typeMismatch(_, let context), .valueNotFound(_, let context),
                .dataCorrupted(let context):
                context
            @unknown default: DecodingError.Context(codingPath: [], debugDescription: "")
            }
        let path = context.codingPath.map { key in key.intValue.map { "[\($0)]" } ?? key.stringValue }
        let place = path.isEmpty ? "" : " at " + path.joined(separator: ".").replacingOccurrences(of: ".[", with: "[")
        self.init(
            description: "this is not the JSON of a plan\(place): \(context.debugDescription) Write it by "
                + "'sallyport perimeter plan --out FILE'")
    }
}
