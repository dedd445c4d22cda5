import TestSupport
import Testing

extension EdgeUnderTest {
    /// Makes a key for the control API.
    func createKey(_ name: String, role: String) throws -> String {
        let made = try program.run("key", "create", name, "--role", role, "--json")
        return try #require((made.json as? [String: Any])?["key"] as? String, "\(made)")
    }
}
