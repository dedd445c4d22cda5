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
        self = try PlanFileError.reading(
            text, "the JSON of a plan", "write it by 'sallyport perimeter plan --out FILE'")
    }
}

/// Why a text is no plan, or no rollback file.
public struct PlanFileError: Error, Sendable, CustomStringConvertible {
    public let description: String

    /// - Parameters:
    ///   - what: the text should be.
    ///   - mend: where one comes from.
    static func reading<Value: Decodable>(
        _ text: String, _ what: String, _ mend: String
    ) throws(PlanFileError) -> Value {
        do {
            return try JSONText.value(Value.self, from: text)
        } catch let error as DecodingError {
            throw PlanFileError(error, what, mend)
        } catch {
            throw PlanFileError(description: "this is not \(what): \(mend)")
        }
    }

    private init(description: String) {
        self.description = description
    }

    private init(_ error: DecodingError, _ what: String, _ mend: String) {
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
            description: "this is not \(what)\(place): \(context.debugDescription) (\(mend))")
    }
}
