import ArgumentParser
import Foundation
import Perimeter
import PerimeterNFTables
import UnixSignals

/// New rules of this host, on trial: undone unless they are confirmed. A second process watches over it, which stays when
/// this one, or its terminal, is gone.
struct PerimeterTrial: Sendable {
    private enum Word: Sendable {
        case yes
        case no
        /// By another process.
        case decided
        case timeIsOver
        case signal(String)
    }

    /// How often it is looked whether somebody has decided.
    static let interval = Duration.milliseconds(100)

    private let trial: Trial
    private let time: Duration
    private let signals: UnixSignalsSequence

    /// Keeps what is there and starts the watch, before anything is changed.
    /// - Returns: nil where nothing is tried: not on a host, or not asked for.
    init?(_ work: PerimeterWorkOption, on backend: any PerimeterBackend) async throws {
        guard let perimeter = backend as? NFTablesPerimeter, !work.trial.keepsUnconfirmed else { return nil }
        let directory = URL(fileURLWithPath: work.trial.place.directory).path
        trial = Trial(in: directory, of: perimeter)
        time = work.trial.time
        signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        try trial.begin()
        do {
            let file = URL(fileURLWithPath: work.perimeter.path).path
            let edge = work.edge.found.map { ["--config", URL(fileURLWithPath: $0).path] } ?? []
            try TrialWatch.start(
                [
                    "--table", perimeter.table, "--trial-in", directory, "--within", "\(time / .milliseconds(1))",
                    "--of", file,
                ]
                    + edge, log: trial.path + ".log")
        } catch {
            try undo()
            throw error
        }
    }

    func undo() throws {
        if try trial.decide(.undone) == .undone { Terminal.warn("the rules are as they were before") }
    }

    private var seconds: String {
        let seconds = time / .seconds(1)
        return Int(exactly: seconds).map { "\($0)" } ?? "\(seconds)"
    }

    /// Waits for somebody's word.
    /// - Throws: when it is undone.
    func settle(_ journal: PerimeterJournal) async throws {
        Terminal.warn(
            "The new rules are in force, and are undone in \(seconds) s unless they are confirmed: by y here, or, which shows that "
                + "you can still come in, by 'sallyport perimeter confirm' from a new session.")
        let word = await word()
        let decision: Trial.Decision?
        switch word {
        case .yes, .decided: decision = try trial.decide(.confirmed)
        case .no, .timeIsOver, .signal: decision = try trial.decide(.undone)
        }
        if decision == .confirmed { return Terminal.warn("confirmed") }
        journal.noteUndoing()
        let reason =
            switch word {
            case .yes, .decided, .timeIsOver: "nobody confirmed it in time, or it was taken back"
            case .no: "it was not confirmed"
            case .signal(let name): "\(name) came before it was confirmed"
            }
        throw CommandFailure("undone: \(reason); the rules are as they were before")
    }

    /// The first that comes. An end of input is no word: there may be another session.
    private func word() async -> Word {
        let (words, continuation) = AsyncStream<Word>.makeStream()
        Thread.detachNewThread {
            while let line = readLine(strippingNewline: true) {
                let answer = line.trimmingCharacters(in: .whitespaces).lowercased()
                continuation.yield(answer == "y" || answer == "yes" ? .yes : .no)
            }
        }
        return await withTaskGroup { group in
            group.addTask {
                for await signal in signals { continuation.yield(.signal("\(signal)")) }
            }
            group.addTask {
                let deadline = ContinuousClock.now + time
                while ContinuousClock.now < deadline, trial.isPending {
                    // Ends by cancellation, when a word has come.
                    guard (try? await Task.sleep(for: Self.interval)) != nil else { return }
                }
                continuation.yield(trial.isPending ? .timeIsOver : .decided)
            }
            var first = words.makeAsyncIterator()
            let word = await first.next() ?? .timeIsOver
            group.cancelAll()
            return word
        }
    }
}
