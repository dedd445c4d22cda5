import TestSupport

/// Tries a row by one transport in the shared laboratory, with a caller of its own.
func row(
    _ number: Int, _ way: Way, _ body: (Laboratory, Caller) async throws -> Void
) async throws {
    let laboratory = try await Laboratory.shared()
    let caller = try await laboratory.caller(way)
    try await body(laboratory, caller)
    try await caller.wire.close()
    try Ledger.note(number, [way.rawValue])
}
