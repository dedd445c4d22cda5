public import CoreTypes
import Foundation
import Synchronization
public import Witness

/// A real edge with a configuration, a registry and a witness of its own. It ends with the test.
public final class EdgeUnderTest: Sendable {
    public struct Listener: Sendable {
        public let transport: TransportKind
        public let port: UInt16
        public let profile: String

        public init(_ transport: TransportKind, _ profile: String) throws {
            self.transport = transport
            port = try FreePort.next()
            self.profile = profile
        }

        public var endpoint: Endpoint { Endpoint(IPAddress(v4: 0x7f00_0001), port: port) }
    }

    public let program: Program
    public let control: Endpoint
    private let process = Mutex<ChildProcess?>(nil)
    private let starts = Mutex(0)
    /// Where its witness is, where the settings name another place than the usual one.
    private let otherWitness: String?

    /// - Parameters:
    ///   - settings: what the configuration says beside node, control address and listeners, in YAML.
    ///   - witness: the witness's directory, where the settings name one.
    ///   - control: what the configuration says of the control API beside its address.
    public init(
        _ listeners: [Listener], _ settings: String, witness: String? = nil, control more: String? = nil
    ) throws {
        otherWitness = witness
        control = Endpoint(IPAddress(v4: 0x7f00_0001), port: try FreePort.next())
        let lines = listeners.map {
            "  - {transport: \($0.transport.rawValue), address: \"\($0.endpoint)\", profile: \($0.profile)}"
        }
        program = try Program(
            configuration: """
                node: test
                domains: [external.advisor]
                control: {listen: "\(control)"\(more.map { ", " + $0 } ?? "")}
                listeners:
                \(lines.joined(separator: "\n"))
                \(settings)

                """)
    }

    /// Runs a command beside the edge.
    /// - Throws: when it does not exit with 0.
    @discardableResult
    public func command(_ arguments: String..., input: String = "") throws -> String {
        let outcome = try program.run(arguments, input: input)
        guard outcome.code == 0 else {
            throw Failure("sallyport \(arguments.joined(separator: " ")) exits with \(outcome.code): \(outcome.errors)")
        }
        return outcome.output
    }

    /// Starts it, or starts it again, and waits until it says that it is ready.
    /// - Parameters:
    ///   - executable: another build of the program.
    ///   - environment: added to that of the tests.
    public func start(
        _ executable: String = Program.executable, environment: [String: String] = [:]
    ) async throws {
        let child = try ChildProcess(
            "sallyport", executable, ["serve"], in: program.directory, environment: environment)
        process.withLock { $0 = child }
        let count = starts.withLock { starts in
            starts += 1
            return starts
        }
        try await child.prints("ready: ", count: count)
    }

    /// The process that runs now.
    public func running() throws -> ChildProcess {
        guard let child = process.withLock({ $0 }), child.isRunning else {
            throw Failure("the edge does not run; it printed:\n\(output)")
        }
        return child
    }

    public var output: String { process.withLock { $0 }?.output ?? "" }

    /// SIGTERM, as an operator stops it.
    /// - Returns: its exit code.
    public func stop() async throws -> Int32 {
        let child = try running()
        child.send(SIGTERM)
        return try await child.ends()
    }

    /// `kill -9`
    public func crash() async throws {
        try await running().kill()
    }

    // MARK: Witness

    private var state: String { program.path("var") }
    public var witnessDirectory: String { otherWitness ?? state + "/witness" }

    /// The whole log, oldest first.
    public func records() throws -> [WitnessRecord] {
        var reader = WitnessReader(directory: witnessDirectory)
        return try reader.tail(.max)
    }

    public func verify() throws -> WitnessVerifier.Report {
        let keys = try WitnessPublicKey.load(fromFile: state + "/node.pub")
        return try WitnessVerifier(directory: witnessDirectory, keys: keys).verify()
    }

    /// Waits until the log has a record of this kind that fits.
    public func witnesses(
        _ kind: SecurityEvent.Kind, within limit: Duration = .seconds(10),
        where fits: (WitnessRecord) -> Bool = { _ in true }
    ) async throws -> WitnessRecord {
        var found: WitnessRecord?
        do {
            try await eventually("\(kind.rawValue) is in the witness", within: limit) {
                found = try records().last { $0.kind == kind.rawValue && fits($0) }
                return found != nil
            }
        } catch {
            let log = (try? records().map(\.line).suffix(30).joined(separator: "\n")) ?? ""
            throw Failure("\(error); it ends with:\n\(log)\n\(output.suffix(2000))")
        }
        guard let found else { throw Failure("\(kind.rawValue) came and went") }
        return found
    }
}

extension WitnessRecord {
    /// A detail as text; nil when there is none of that name, or it is no text.
    public func text(_ name: String) -> String? {
        if case .string(let text)? = self[detail: name] { text } else { nil }
    }

    public func number(_ name: String) -> Int? {
        if case .integer(let number)? = self[detail: name] { number } else { nil }
    }

    /// Whether it let a request in: what a forwarded call depends on.
    public var admits: Bool { text("result") == "admitted" }
}
