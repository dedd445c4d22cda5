import SallyportConfiguration
import SettingsFile

/// A file is a configuration, or everything that is wrong with it is said with a place.
enum ConfigurationProperties {
    static func violation(_ bytes: [UInt8]) -> String? {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        do {
            _ = try Configuration.parse(text, file: "fuzz.yaml")
            return nil
        } catch {
            return error.problems.isEmpty ? "refused without saying why" : nil
        }
    }
}
