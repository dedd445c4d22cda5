/// Why TLS can't be set up from the files that were named.
public struct TLSConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file that it is about; empty when it is about none.
    public let file: String
    public let what: String
    /// What to do about it.
    public let mend: String

    init(_ file: String, _ what: String, mend: String) {
        self.file = file
        self.what = what
        self.mend = mend
    }

    /// `file: what is wrong; what to do`
    public var description: String { (file.isEmpty ? "TLS" : file) + ": " + what + "; " + mend }
}
