import ControlAPI
import Edge
import Foundation
import Logging
import SallyportConfiguration
import ServiceLifecycle
import UnixSignals

/// Certificates, keys, trust, revocation lists and the node's secret are read again at SIGHUP and when one of their files
/// has changed. Open connections keep what they have; files that are no good leave everything as it was.
struct FileReload: Service {
    let edge: Edge
    let control: ControlServer
    let surface: ControlSurface
    let configuration: Configuration
    let logger: Logger

    private static let interval = Duration.milliseconds(500)

    private enum Cause: String {
        case signal = "SIGHUP"
        case change = "a file has changed"
    }

    func run() async throws {
        let (causes, continuation) = AsyncStream<Cause>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let files = FileMarks(configuration.reloadedFiles)
        await withTaskGroup { group in
            group.addTask {
                for await _ in hangups.cancelOnGracefulShutdown() { continuation.yield(.signal) }
                continuation.finish()
            }
            group.addTask {
                // Ends by cancellation, when the signals have ended.
                var watch = FileWatch(files.read())
                while (try? await Task.sleep(for: Self.interval)) != nil {
                    if watch.hasSettled(files.read()) { continuation.yield(.change) }
                }
            }
            for await cause in causes { await reload(for: cause) }
            group.cancelAll()
        }
    }

    /// Each keeps what it has where its own files are no good.
    private func reload(for cause: Cause) async {
        let problems = await [
            problem { try await noted { try control.reloadCertificate() } },
            problem { try await noted { try await surface.reloadCountries() } },
            problem { try await edge.reloadFiles(configuration) },
        ].compactMap(\.self)
        if problems.isEmpty { logger.notice("certificates and keys read again (\(cause.rawValue))") }
        for problem in problems {
            logger.error("certificates and keys not reloaded (\(cause.rawValue)), the old ones stay: \(problem)")
        }
    }

    /// What the edge itself does not know of, in the witness all the same.
    private func noted(_ reload: () async throws -> Void) async throws {
        do {
            try await reload()
        } catch {
            try await edge.keptFiles("control", reason: "\(error)")
            throw error
        }
    }

    private func problem(_ reload: () async throws -> Void) async -> (any Error)? {
        do {
            try await reload()
            return nil
        } catch {
            return error
        }
    }
}

/// Says when files have changed and are at rest again: a certificate and its key are replaced one after the other.
struct FileWatch {
    private var known: [FileMarks.Mark?]
    private var latest: [FileMarks.Mark?]

    init(_ marks: [FileMarks.Mark?]) {
        known = marks
        latest = marks
    }

    /// - Parameter marks: what is there now, one look after the last one.
    mutating func hasSettled(_ marks: [FileMarks.Mark?]) -> Bool {
        defer { latest = marks }
        guard marks == latest, marks != known else { return false }
        known = marks
        return true
    }
}

extension Configuration {
    fileprivate var reloadedFiles: [String] {
        var files = [tls.certificate, tls.key, tls.trust] + tls.revocation
        if let own = control.tls { files += [own.certificate, own.key] }
        files += control.countries.map { [$0] } ?? []
        if case .file(let path) = nodeSecret { files.append(path) }
        return files.map(resolve) + [stateDirectory + "/secret.key"]
    }
}
