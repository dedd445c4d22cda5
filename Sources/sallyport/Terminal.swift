import Foundation
import Witness

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Standard input and output.
enum Terminal {
    static func print(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    /// A text as it is, with its own ends of lines.
    static func write(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }

    /// Asks on standard error; anything but `y` or `yes` means no.
    static func agrees(_ question: String) -> Bool {
        FileHandle.standardError.write(Data("\(JSONText.escaped(question)) [y/N] ".utf8))
        let answer = readLine(strippingNewline: true)?.trimmingCharacters(in: .whitespaces).lowercased()
        return answer == "y" || answer == "yes"
    }

    /// To standard error, so that it does not mix with what another program reads.
    static func warn(_ text: String) {
        FileHandle.standardError.write(Data((JSONText.escaped(text) + "\n").utf8))
    }

    /// The first line of standard input without its end; nil when there is none.
    static func readSecret(prompt: String) -> String? {
        guard isatty(STDIN_FILENO) == 1 else { return readLine(strippingNewline: true) }
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return readLine(strippingNewline: true) }
        FileHandle.standardError.write(Data(prompt.utf8))
        var silent = settings
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
            FileHandle.standardError.write(Data("\n".utf8))
        }
        return readLine(strippingNewline: true)
    }

    /// How many columns the terminal has; nil when the output is no terminal.
    static var width: Int? {
        var size = winsize()
        guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return Int(size.ws_col)
    }
}

/// Rows under headings, the columns as wide as they need to be and no wider than the terminal allows.
struct Table {
    private let headings: [String]
    private var rows: [[String]] = []

    init(_ headings: String...) {
        self.headings = headings
    }

    /// - Parameter cells: texts of any origin: what could move the cursor is shown escaped.
    mutating func add(_ cells: String...) {
        rows.append(cells.map { $0.isEmpty ? "-" : JSONText.escaped($0) })
    }

    /// - Parameter width: of the terminal; nil: as wide as it gets.
    func text(width: Int? = Terminal.width) -> String {
        var widths = headings.indices.map { column in
            ([headings] + rows).map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        if let width {
            let gaps = 2 * (widths.count - 1)
            while widths.reduce(gaps, +) > width, let widest = widths.max(), widest > 8,
                let column = widths.firstIndex(of: widest)
            {
                widths[column] -= 1
            }
        }
        return ([headings] + rows).map { row in
            let cells = zip(row, widths).map { cell, width in
                cell.count > width
                    ? cell.prefix(width - 1) + "…" : cell + String(repeating: " ", count: width - cell.count)
            }
            let line = cells.joined(separator: "  ")
            return String(line[..<(line.lastIndex { $0 != " " }.map { line.index(after: $0) } ?? line.startIndex)])
        }.joined(separator: "\n")
    }
}
