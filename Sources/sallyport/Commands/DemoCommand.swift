import SallyportConfiguration
import Edge
import ArgumentParser
import ControlAPI
import Foundation
import Logging

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "The main job with embedded defaults, explained as it goes.",
        discussion: """
            Issues certificates, registers three experts, starts an edge and phones that answer, places a real call by \
            TLS through all seven layers, shows each layer refusing what it exists to refuse, verifies the witness, and \
            stays up for calls of your own. Exits with 1 if any step went otherwise than it should.
            """)

    @Flag(help: "End when everything has been shown.")
    var once = false

    func run() async throws {
        var quiet = Logger(label: "demo") { _ in SwiftLogNoOpLogHandler() }
        quiet.logLevel = .critical
        let stage = try await DemoStage.set(logger: quiet)
        var show = DemoShow(stage)
        await show.run()
        if show.failures == 0 {
            Terminal.print("\nAll \(show.steps) steps went as they should.")
        } else {
            Terminal.print("\n\(show.failures) of \(show.steps) steps went otherwise than they should.")
        }
        if !once, show.failures == 0 {
            Terminal.print(DemoShow.invitation(stage))
            try await stay(stage)
        }
        await stage.strike()
        if once { try? FileManager.default.removeItem(atPath: stage.folder) }
        if show.failures > 0 { throw ExitCode(1) }
    }

    /// Until SIGINT or SIGTERM.
    private func stay(_ stage: DemoStage) async throws {
        let surface = try ControlSurface(
            stage.configuration, stage.edge, metrics: { await stage.edge.metricsText() },
            logger: Logger(label: "control") { _ in SwiftLogNoOpLogHandler() })
        try await RunningEdge.untilSignal([surface, try ControlServer(surface)])
        Terminal.print("\nStopping. What was written is in \(stage.folder)")
    }
}
