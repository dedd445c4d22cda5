/// What is wrong with a file of settings: everything found, in the order of the file.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    public struct Problem: Sendable, Equatable, CustomStringConvertible {
        public var file: String
        /// Counted from 1; 0 when the file as a whole is meant.
        public var line: Int
        /// Counted from 1 in Unicode scalars.
        public var column: Int
        /// Such as `profiles.experts.call_rate.per` or `listeners[0].address`; empty for the whole file.
        public var keyPath: String
        public var what: String
        /// What to do about it.
        public var mend: String

        /// `file:line:column: key.path: what is wrong; what to do`
        public var description: String {
            let place = line > 0 ? "\(file):\(line):\(column): " : "\(file): "
            return place + (keyPath.isEmpty ? "" : keyPath + ": ") + what + "; " + mend
        }
    }

    public let problems: [Problem]

    package init(problems: [Problem]) {
        self.problems = problems
    }

    /// One problem a line.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Collects what a walk over the file finds.
package final class Report {
    package struct Position {
        package var line: Int
        package var column: Int
    }

    package let file: String
    package private(set) var problems: [ConfigurationError.Problem] = []
    /// Where each key path that the file has stands, for checks made after the walk.
    package private(set) var positions: [String: Position] = [:]

    package init(file: String) {
        self.file = file
    }

    package func note(_ path: String, at position: Position) {
        positions[path] = position
    }

    package func complain(_ path: String, at position: Position?, _ what: String, mend: String) {
        let position = position ?? nearest(path)
        problems.append(
            .init(
                file: file, line: position.line, column: position.column, keyPath: path, what: what, mend: mend))
    }

    /// The place of a key path, or of the part of the file that it would stand in.
    private func nearest(_ path: String) -> Position {
        var path = path[...]
        while true {
            if let position = positions[String(path)] { return position }
            guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { break }
            path = path[..<end]
        }
        return Position(line: 1, column: 1)
    }

    package func error() -> ConfigurationError? {
        guard !problems.isEmpty else { return nil }
        let sorted = problems.enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }
        return ConfigurationError(problems: sorted.map(\.element))
    }
}
