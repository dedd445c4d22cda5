/// What was done to a perimeter, kept so that it can be undone.
public struct Rollback: Codable, Sendable, Equatable {
    /// In the order in which they were carried out.
    public var carriedOut: [Change]
    /// Those that failed, and may have come about all the same. Only what is there is undone.
    public var uncertain: [Change]?
    /// RFC 3339, UTC.
    public var madeAt: String
    /// The perimeter file that it belongs to.
    public var file: String

    private enum CodingKeys: String, CodingKey {
        case carriedOut = "carried_out"
        case uncertain
        case madeAt = "made_at"
        case file
    }

    public init(carriedOut: [Change], uncertain: [Change] = [], madeAt: String, file: String) {
        self.carriedOut = carriedOut
        self.uncertain = uncertain.isEmpty ? nil : uncertain
        self.madeAt = madeAt
        self.file = file
    }

    /// All that may have to be undone.
    public var changes: [Change] { carriedOut + (uncertain ?? []) }

    public func json() throws -> String { try JSONText.text(of: self) }

    /// Reads the text of such a file.
    public init(json text: String) throws(PlanFileError) {
        self = try PlanFileError.reading(text, "a rollback file", "'sallyport perimeter apply' writes one")
    }
}
