import Foundation

/// Debian's dnsmasq, a real name server, with a zone of its own on a free port of loopback.
public final class Dnsmasq {
    private let directory: String
    private var process: ChildProcess?
    public let port: UInt16

    public var address: String { "127.0.0.1:\(port)" }

    /// - Parameter records: lines of dnsmasq's configuration.
    public init(_ records: String) async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("dnsmasq-\(UUID().uuidString)").path
        port = try FreePort.next()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        // It answers for these domains alone, asks nobody, and keeps nothing.
        let common = """
            port=\(port)
            listen-address=127.0.0.1,::1
            bind-interfaces
            no-resolv
            no-hosts
            local=/test/
            cache-size=0
            log-queries
            log-facility=-
            pid-file=
            user=

            """
        try Data((common + records).utf8).write(to: URL(fileURLWithPath: directory + "/dnsmasq.conf"))
        try await start()
    }

    deinit {
        process?.send(SIGKILL)
        try? FileManager.default.removeItem(atPath: directory)
    }

    public func start() async throws {
        let started = (process?.output.components(separatedBy: "started, version").count ?? 1)
        let process = try ChildProcess(
            "dnsmasq", PeerProgram.dnsmasq.require(), ["--no-daemon", "--conf-file=\(directory)/dnsmasq.conf"],
            in: directory)
        self.process = process
        try await process.prints("started, version", count: started)
    }

    public func stop() async throws {
        try await process?.kill()
    }

    /// What it was asked, such as `query[SRV] _sip._udp.d.test`, in order.
    public var questions: [String] {
        (process?.output ?? "").split(separator: "\n").compactMap { line in
            guard let start = line.range(of: "query["), let end = line.range(of: " from ") else { return nil }
            return String(line[start.lowerBound..<end.lowerBound])
        }
    }
}
