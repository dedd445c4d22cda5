internal import CoreTypes

/// How one kind of value is written in the file.
package struct Notation<Value> {
    package struct Complaint: Error {
        package var what: String
        /// Nil: say what is expected.
        package var mend: String?

        package init(what: String, mend: String? = nil) {
            self.what = what
            self.mend = mend
        }
    }

    /// What to write, with an example, to be read after "write".
    package let expected: String
    package let read: (String) -> Result<Value, Complaint>
    package let write: (Value) -> String
    /// What listings and differences show; leaves out what could be a secret.
    package let show: (Value) -> String

    package init(
        _ expected: String, show: ((Value) -> String)? = nil, write: @escaping (Value) -> String,
        read: @escaping (String) -> Result<Value, Complaint>
    ) {
        self.expected = expected
        self.read = read
        self.write = write
        self.show = show ?? write
    }
}

extension Notation where Value == String {
    /// Text with a rule; `read` gives the text back, perhaps folded, or nil.
    package static func text(
        _ expected: String, show: ((String) -> String)? = nil, _ accept: @escaping (String) -> String?
    ) -> Notation {
        Notation(expected, show: show, write: { $0 }) { text in
            guard let accepted = accept(text) else { return .failure(Complaint(what: "'\(text.prefix(80))' won't do")) }
            return .success(accepted)
        }
    }

    package static var name: Notation {
        text("a name of letters, digits, '.', '_' and '-', at most 64") { text in
            let good = text.utf8.allSatisfy { Characters.isAlphanumeric($0) || "._-".utf8.contains($0) }
            return good && (1...64).contains(text.utf8.count) ? text : nil
        }
    }

    package static var path: Notation {
        text("a path") { text in
            (1...4096).contains(text.utf8.count) && !text.utf8.contains(0) ? text : nil
        }
    }

    package static var glob: Notation {
        text("text in which '*' stands for any characters, such as \"expert-*\"") { text in
            let good = text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
            return good && (1...256).contains(text.utf8.count) ? text : nil
        }
    }

    package static var host: Notation {
        text("a host name or an address, such as sip.example.org") { text in
            Characters.host(text)
        }
    }

    /// A URL with a host and without a password.
    package static func url(schemes: [String]) -> Notation {
        let example = "\(schemes.first ?? "https")://host.example.org:6514"
        let withoutQuery = { (url: String) in url.split(separator: "?").first.map(String.init) ?? url }
        return Notation("a URL such as \"\(example)\"", show: withoutQuery, write: { $0 }) { text in
            guard let url = Characters.URLParts(text) else {
                return .failure(Complaint(what: "'\(text.prefix(80))' is not a URL"))
            }
            guard schemes.contains(url.scheme) else {
                return .failure(
                    Complaint(
                        what: "'\(url.scheme)' is not a scheme for this",
                        mend: "use " + schemes.joined(separator: " or ")))
            }
            guard !url.hasPassword else {
                return .failure(Complaint(what: "holds a password", mend: "keep secrets out of this file"))
            }
            return .success(text)
        }
    }
}

extension Notation where Value == Int {
    package static func integer(_ range: ClosedRange<Int>) -> Notation {
        Notation("a whole number from \(range.lowerBound) to \(range.upperBound)", write: { String($0) }) { text in
            guard let number = Int(text) else {
                return .failure(Complaint(what: "'\(text.prefix(80))' is not a number"))
            }
            guard range.contains(number) else { return .failure(Complaint(what: "\(number) is out of range")) }
            return .success(number)
        }
    }

    private static var sizeUnits: [(String, Int)] {
        [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000)]
    }

    /// Bytes, bare or with a unit.
    package static func size(_ range: ClosedRange<Int>) -> Notation {
        let write = { (bytes: Int) -> String in
            let unit = sizeUnits.prefix(3).last { bytes > 0 && bytes.isMultiple(of: $0.1) }
            return unit.map { "\(bytes / $0.1)\($0.0)" } ?? String(bytes)
        }
        return Notation(
            "a size from \(write(range.lowerBound)) to \(write(range.upperBound)), such as 65535 or 256MiB",
            write: write
        ) { text in
            let unit = sizeUnits.first { text.hasSuffix($0.0) }
            let digits = text.dropLast(unit?.0.count ?? 0)
            guard let number = Int(digits), digits.allSatisfy(\.isNumber) else {
                return .failure(Complaint(what: "'\(text.prefix(80))' is not a size"))
            }
            let (bytes, overflow) = number.multipliedReportingOverflow(by: unit?.1 ?? 1)
            guard !overflow, range.contains(bytes) else { return .failure(Complaint(what: "\(text) is out of range")) }
            return .success(bytes)
        }
    }
}

extension Notation where Value == Double {
    package static func number(_ range: ClosedRange<Double>) -> Notation {
        let write = { (number: Double) -> String in Int(exactly: number).map { String($0) } ?? String(number) }
        return Notation("a number from \(write(range.lowerBound)) to \(write(range.upperBound))", write: write) {
            text in
            guard let number = Double(text), number.isFinite else {
                return .failure(Complaint(what: "'\(text.prefix(80))' is not a number"))
            }
            guard range.contains(number) else { return .failure(Complaint(what: "\(text) is out of range")) }
            return .success(number)
        }
    }
}

extension Notation where Value == Duration {
    private static var units: [(String, Int64)] {
        [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
    }

    package static func text(of duration: Duration) -> String {
        let milliseconds = duration.nanoseconds / 1_000_000
        guard milliseconds != 0 else { return "0s" }
        let unit = units.last { milliseconds.isMultiple(of: $0.1) } ?? ("ms", 1)
        return "\(milliseconds / unit.1)\(unit.0)"
    }

    /// A whole number with a unit: `200ms`, `300s`, `5m`, `24h`, `30d`. Nothing else, save a bare 0.
    package static func duration(_ range: ClosedRange<Duration>) -> Notation {
        Notation(
            "a duration from \(text(of: range.lowerBound)) to \(text(of: range.upperBound)), such as 200ms, 300s, 5m, 24h, 30d",
            write: text(of:)
        ) { text in
            let digits = text.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int64(digits) else {
                return .failure(Complaint(what: "'\(text.prefix(80))' is not a duration"))
            }
            let suffix = text.dropFirst(digits.count)
            guard let unit = units.first(where: { $0.0 == suffix }) ?? (number == 0 && suffix.isEmpty ? ("s", 1) : nil)
            else {
                return suffix.isEmpty
                    ? .failure(Complaint(what: "'\(text)' has no unit", mend: "write '\(text)s' for seconds"))
                    : .failure(Complaint(what: "'\(text.prefix(80))' is not a duration"))
            }
            let (milliseconds, overflow) = number.multipliedReportingOverflow(by: unit.1)
            let duration = Duration.milliseconds(milliseconds)
            guard !overflow, range.contains(duration) else {
                return .failure(Complaint(what: "\(text) is out of range"))
            }
            return .success(duration)
        }
    }
}
