internal import Foundation
internal import Yams

extension Form {
    private static var maximumBytes: Int { 1 << 20 }

    /// The text of a file of settings. Blocks on the disk.
    /// - Parameter option: what names another file on the command line.
    package static func text(ofFile path: String, option: String) throws(ConfigurationError) -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw wholeFile(
                path, FileManager.default.fileExists(atPath: path) ? "can't be read" : "does not exist",
                mend: "check the path and its permissions, or name another file with \(option)")
        }
        guard data.count <= maximumBytes else {
            throw wholeFile(path, "is longer than \(maximumBytes) bytes", mend: "is it the right file?")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw wholeFile(path, "is not UTF-8 text", mend: "is it the right file?")
        }
        return text
    }

    /// Walks over a text, fills in what it has and notes what is wrong with it.
    /// - Throws: only what keeps the walk from beginning; all else is in the report.
    package static func read<Whole: Section>(
        _ text: String, into whole: inout Whole, _ report: Report
    ) throws(ConfigurationError) {
        guard let root = try compose(text, file: report.file) else { return }
        Form(path: "", report: report, purpose: .reading([:])).read(root, "", into: &whole)
    }

    /// Every value in force with its key path, in the order of the documentation.
    package static func settings(of whole: some Section, file: String) -> [Setting] {
        var settings: [Setting] = []
        var copy = whole
        copy.fill(Form(path: "", report: Report(file: file), purpose: .listing { settings.append($0) }))
        return settings
    }

    private static func wholeFile(_ path: String, _ what: String, mend: String) -> ConfigurationError {
        ConfigurationError(problems: [.init(file: path, line: 0, column: 0, keyPath: "", what: what, mend: mend)])
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
}
