public import SettingsFile

extension Declaration {
    /// Reads and checks a file as a whole. Blocks on the disk.
    /// - Throws: every problem that it has, with line and mend.
    public static func load(path: String) throws(ConfigurationError) -> Declaration {
        try parse(Form.text(ofFile: path, option: "--file"), file: path)
    }

    /// Reads and checks a text.
    /// - Parameter file: its path, for messages; need not exist.
    public static func parse(_ text: String, file: String) throws(ConfigurationError) -> Declaration {
        let report = Report(file: file)
        let declaration = try read(text, report)
        declaration.check(report)
        if let error = report.error() { throw error }
        return declaration
    }

    static func read(_ text: String, _ report: Report) throws(ConfigurationError) -> Declaration {
        var declaration = Declaration()
        try Form.read(text, into: &declaration, report)
        return declaration
    }
}
