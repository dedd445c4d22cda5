internal import SettingsFile

extension Configuration {
    /// A key path whose value changed.
    public struct Change: Sendable, Equatable, CustomStringConvertible {
        public var keyPath: String
        /// Nil: was not there.
        public var before: String?
        /// Nil: is no longer there.
        public var after: String?

        public var description: String { "\(keyPath): \(before ?? "(none)") -> \(after ?? "(none)")" }
    }

    /// What changed since another configuration, in the order of the documentation. Secrets show as `(secret)`.
    public func difference(from earlier: Configuration) -> [Change] {
        let before = earlier.settings
        let after = settings
        let beforeByPath = Dictionary(before.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        let afterPaths = Set(after.map(\.path))
        let changed = after.compactMap { setting -> Change? in
            let old = beforeByPath[setting.path]
            guard old?.exact != setting.exact else { return nil }
            return Change(keyPath: setting.path, before: old?.shown, after: setting.shown)
        }
        let removed = before.filter { !afterPaths.contains($0.path) }
            .map { Change(keyPath: $0.path, before: $0.shown, after: nil) }
        return changed + removed
    }

    /// Every value in force with its key path, defaults among them, in the order of the documentation; for `check`.
    public var effective: [(keyPath: String, value: String)] { settings.map { ($0.path, $0.shown) } }

    private var settings: [Setting] { Form.settings(of: self, file: file) }
}
