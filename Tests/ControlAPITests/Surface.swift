import ControlAPI
import CoreTypes
import Edge
import Foundation
import Logging
import Registry
import SallyportConfiguration
import ServiceLifecycle
import Synchronization
import Testing
import Witness

/// The control API over a real registry and a real witness, beside an edge that is made up.
final class Surface: Sendable {
    let directory: String
    let registry: RegistryStore
    let log: WitnessLog
    private let configuration: Configuration
    private let reasons: [String]
    private let calls: CallControl

    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// - Parameter change: of a configuration with a control port that the system chooses and generous limits.
    init(
        reasons: [String] = [], calls: CallControl = MadeUpCalls().control,
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws {
        directory = NSTemporaryDirectory() + "sallyport-control-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var configuration = Configuration()
        configuration.state = directory
        configuration.control.listen = Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)
        configuration.control.rate = .init(requests: 1000, per: .seconds(1), burst: 1000)
        configuration.control.keyRate = .init(requests: 1000, per: .seconds(1))
        change(&configuration)
        self.configuration = configuration
        self.reasons = reasons
        self.calls = calls
        registry = try RegistryStore(RegistrySettings(path: directory + "/registry.db", actor: "test"))
        log = try WitnessLog(
            WitnessSettings(
                directory: configuration.witnessDirectory, keyDirectory: directory, source: "sallyport.test"),
            onCommit: { _ in })
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    func surface() -> ControlSurface {
        ControlSurface(
            configuration, version: "test", registry: registry,
            edge: EdgeControl(
                state: { EdgeState() }, pools: { [] },
                certificates: { throw MadeUp() },
                rehearse: { _ in throw MadeUp() }, witness: { (0, 0, 0) }),
            calls: calls, metrics: { "calls_total 3\n" }, readiness: { [reasons] in reasons },
            record: { [log] in log.append($0, at: SystemClock.now().wall) }, logger: Self.quiet)
    }

    func server() throws -> ControlServer { try ControlServer(surface()) }
    func socket() -> ControlSocket { ControlSocket(directory: directory, surface()) }

    /// Serves on the control address, then stops as the program does.
    func serving(_ body: (Endpoint) async throws -> Void) async throws {
        try await serving(ControlLimits()) { try await body(try await $0.boundAddress()) }
    }

    func serving(_ limits: ControlLimits, _ body: (ControlServer) async throws -> Void) async throws {
        let surface = surface()
        let server = try ControlServer(surface, limits: limits)
        let group = ServiceGroup(services: [surface, server], logger: Self.quiet)
        let running = Task { try await group.run() }
        do {
            try await body(server)
        } catch {
            await group.triggerGracefulShutdown()
            try await running.value
            throw error
        }
        await group.triggerGracefulShutdown()
        try await running.value
    }

    private struct MadeUp: Error {}
}

/// The calls 1 to 5, of which 3 to 5 are up.
final class MadeUpCalls: Sendable {
    let asked = Mutex<[String]>([])

    static func call(_ number: UInt64) -> CallDocument {
        var call = CallDocument(
            id: "call\(number)", number: number, state: number > 2 ? "connected" : "ended", callID: "c\(number)",
            from: "a@x", to: "b@x", sourceIP: "192.0.2.1", sourcePort: 5060, transport: "udp", profile: "trunks",
            route: "far", startedAt: "2025-01-01T00:00:00.000Z", durationMilliseconds: 0)
        if number <= 2 { call.endedAt = "2025-01-01T00:01:00.000Z" }
        return call
    }

    var control: CallControl {
        CallControl(
            list: { query in
                let found = (1...5).reversed().map(UInt64.init).filter { number in
                    (!query.isActive || number > 2) && number < query.before ?? .max
                }
                let page = found.prefix(query.limit)
                return CallPage(calls: page.map(Self.call), next: found.count > page.count ? page.last : nil)
            },
            find: { id in (1...5).map(Self.call).first { $0.id == id } },
            end: { id, actor in
                self.asked.withLock { $0.append("\(id) \(actor)") }
                guard let call = (1...5).map(Self.call).first(where: { $0.id == id }) else { return .unknown }
                return call.number > 2 ? .ended(call) : .hadEnded(call)
            })
    }
}
