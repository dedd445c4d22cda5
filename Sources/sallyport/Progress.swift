import Foundation
import Witness

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// How far long work has come, on one line of standard error, where that is a terminal.
final class Progress {
    private let start: Int
    private let total: Int
    private let isShown = isatty(STDERR_FILENO) == 1
    private var shown = -1

    init(_ total: Int) {
        start = 0
        self.total = max(1, total)
    }

    /// Through a log, by the numbers of its records.
    init(through directory: String) throws {
        start = try WitnessFile.all(in: directory).first?.first ?? 0
        var reader = WitnessReader(directory: directory)
        total = max(1, (try reader.tail(1).last?.sequence ?? 0) - start + 1)
    }

    func show(_ done: Int) {
        let percent = min(100, max(0, done - start) * 100 / total)
        guard isShown, percent != shown else { return }
        shown = percent
        FileHandle.standardError.write(Data("\r\(percent) %".utf8))
    }

    /// Takes the line away.
    func end() {
        if isShown, shown >= 0 { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
    }
}
