/// What did not come about.
public struct Failure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// Looks a hundred times a second whether something has come about.
/// - Throws: a ``Failure`` that names it when it has not within the limit, or what `condition` throws.
public func eventually(
    isolation: isolated (any Actor)? = #isolation, _ what: String, within limit: Duration = .seconds(20),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while true {
        if try await condition() { return }
        guard ContinuousClock.now < deadline else { throw Failure("not within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}
