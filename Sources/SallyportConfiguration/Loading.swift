internal import Foundation
internal import Yams

extension Configuration {
    /// Reads and checks a file as a whole. Blocks on the disk.
    ///
    /// An empty file gives the defaults. Every problem is found in one pass, save that a file that is not YAML, or that
    /// has a key twice in one place, has only that said about it.
    public static func load(path: String) throws(ConfigurationError) -> Configuration {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw wholeFile(
                path, FileManager.default.fileExists(atPath: path) ? "can't be read" : "does not exist",
                mend: "check the path and its permissions, or name another file with --config")
        }
        guard data.count <= maximumBytes else {
            throw wholeFile(path, "is longer than \(maximumBytes) bytes", mend: "is it the right file?")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw wholeFile(path, "is not UTF-8 text", mend: "is it the right file?")
        }
        return try parse(text, file: path)
    }

    private static let maximumBytes = 1 << 20

    /// Reads and checks a text.
    /// - Parameter file: its path, for messages and as the place that relative paths start from; need not exist.
    public static func parse(_ text: String, file: String) throws(ConfigurationError) -> Configuration {
        let report = Report(file: file)
        var configuration = Configuration()
        configuration.file = absolute(file)
        if let root = try compose(text, file: file) {
            let form = Form(path: "", report: report, purpose: .reading([:]))
            form.read(root, "", into: &configuration)
        }
        configuration.completeRoutes(given: report.positions["routes"] != nil)
        configuration.checkReferences(report)
        if let error = report.error() { throw error }
        return configuration
    }

    private static func wholeFile(_ path: String, _ what: String, mend: String) -> ConfigurationError {
        ConfigurationError(problems: [.init(file: path, line: 0, column: 0, keyPath: "", what: what, mend: mend)])
    }

    private static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// The tree of the text; nil for an empty one.
    private static func compose(_ text: String, file: String) throws(ConfigurationError) -> Node? {
        let problem: (what: String, mend: String, mark: Mark?)
        do {
            let root = try Parser(yaml: text).singleRoot()
            if case .scalar(let scalar)? = root, ["", "~", "null"].contains(scalar.string) { return nil }
            return root
        } catch YamlError.scanner(_, let what, let mark, _), YamlError.parser(_, let what, let mark, _),
            YamlError.composer(_, let what, let mark, _)
        {
            problem = (
                "this is not YAML: \(what)",
                "mend the line; indentation is by spaces, and text with ': ' or ' #' in it needs quotes", mark
            )
        } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
            problem = (
                "the key '\(keys.joined(separator: "', '"))' stands twice in one place", "keep one of them",
                context.mark
            )
        } catch {
            problem = ("this is not YAML", "is it the right file?", nil)
        }
        throw ConfigurationError(problems: [
            .init(
                file: file, line: problem.mark?.line ?? 1, column: problem.mark?.column ?? 1, keyPath: "",
                what: problem.what, mend: problem.mend)
        ])
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
