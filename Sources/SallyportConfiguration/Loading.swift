internal import Foundation
public import SettingsFile

extension Configuration {
    /// Reads and checks a file as a whole. Blocks on the disk.
    ///
    /// An empty file gives the defaults. Every problem is found in one pass, save that a file that is not YAML, or that
    /// has a key twice in one place, has only that said about it.
    public static func load(path: String) throws(ConfigurationError) -> Configuration {
        try parse(Form.text(ofFile: path, option: "--config"), file: path)
    }

    /// Reads and checks a text.
    /// - Parameter file: its path, for messages and as the place that relative paths start from; need not exist.
    public static func parse(_ text: String, file: String) throws(ConfigurationError) -> Configuration {
        let report = Report(file: file)
        var configuration = Configuration()
        configuration.file = absolute(file)
        try Form.read(text, into: &configuration, report)
        configuration.completeRoutes(given: report.positions["routes"] != nil)
        configuration.checkReferences(report)
        if let error = report.error() { throw error }
        return configuration
    }

    private static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// Without routes in the file, a pool named `freeswitch` has the default route to it.
    private mutating func completeRoutes(given: Bool) {
        guard !given, pools["freeswitch"] != nil else { return }
        routes = [.experts, .freeswitch, .bridge]
    }
}

extension Configuration {
    /// A path as written in the file, made absolute: relative ones start in the file's directory.
    public func resolve(_ path: String) -> String {
        Self.join(file.isEmpty ? FileManager.default.currentDirectoryPath : Self.directory(of: file), path)
    }

    /// Absolute path of `state`.
    public var stateDirectory: String { resolve(state) }

    /// Absolute path of the witness's directory: a relative one is under `state`.
    public var witnessDirectory: String { Self.join(stateDirectory, witness.directory) }

    /// Absolute path of the SQLite file, a relative one under `state`; nil for PostgreSQL.
    public var databasePath: String? {
        guard case .sqlite(let path) = database else { return nil }
        return Self.join(stateDirectory, path)
    }

    private static func directory(of file: String) -> String {
        file.lastIndex(of: "/").map { $0 == file.startIndex ? "/" : String(file[..<$0]) } ?? "."
    }

    private static func join(_ directory: String, _ path: String) -> String {
        guard !path.hasPrefix("/") else { return absolute(path) }
        return absolute(directory + "/" + path)
    }

    /// What a secret reference stands for. Blocks on the disk for `file:`; one line break at the end is cut off.
    /// - Returns: nil when the variable or file is not there, can't be read or is empty.
    public func secret(_ reference: SecretReference) -> String? {
        switch reference {
        case .environment(let name):
            return ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
        case .file(let path):
            guard let data = FileManager.default.contents(atPath: resolve(path)), data.count <= 65_536,
                var text = String(data: data, encoding: .utf8)
            else { return nil }
            if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
            return text.isEmpty ? nil : text
        }
    }
}
