import Foundation

/// Debian's rsyslog, a real syslog server, with a configuration of its own on a free port of loopback: what it understood
/// of each message goes to a file.
public final class Rsyslog: Sendable {
    /// What a TLS server shows, and whose clients it believes; paths in PEM.
    public struct TLS: Sendable {
        let certificate: String
        let key: String
        let authority: String

        public init(certificate: String, key: String, authority: String) {
            self.certificate = certificate
            self.key = key
            self.authority = authority
        }
    }

    /// One message, as rsyslog took it apart.
    public struct Message: Sendable {
        public let facility: Int
        public let severity: Int
        public let application: String
        public let process: String
        public let id: String
        public let structuredData: String
        public let text: String
    }

    public let port: UInt16
    private let directory: String
    private let process = Box<ChildProcess?>(nil)

    public init(_ tls: TLS? = nil) async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("rsyslog-\(UUID().uuidString)").path
        port = try FreePort.next()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let drivers = tls.map {
            """
            global(
                DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="\($0.authority)"
                DefaultNetstreamDriverCertFile="\($0.certificate)" DefaultNetstreamDriverKeyFile="\($0.key)")
            module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
            """
        }
        let configuration = """
            global(workDirectory="\(directory)" maxMessageSize="64k")
            \(drivers ?? #"module(load="imtcp")"#)
            template(
                name="parts" type="string"
                string="%syslogfacility%\\t%syslogseverity%\\t%app-name%\\t%procid%\\t%msgid%\\t%structured-data%\\t%msg%\\n")
            input(type="imtcp" address="127.0.0.1" port="\(port)")
            action(type="omfile" file="\(directory)/messages" template="parts")

            """
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: directory + "/rsyslog.conf"))
        try await start()
    }

    deinit {
        process.value?.send(SIGKILL)
        try? FileManager.default.removeItem(atPath: directory)
    }

    public func start() async throws {
        let process = try ChildProcess(
            "rsyslogd", PeerProgram.rsyslogd.require(),
            ["-n", "-f", directory + "/rsyslog.conf", "-i", directory + "/pid"], in: directory)
        self.process.value = process
        try await eventually("rsyslog listens on \(port)") {
            guard process.isRunning else { throw Failure("rsyslog has ended: \(process.output)") }
            return !FreePort.isFree(port)
        }
    }

    /// `kill -9`
    public func kill() async throws {
        try await process.value?.kill()
        // Else the next one would take it for running.
        try? FileManager.default.removeItem(atPath: directory + "/pid")
    }

    /// SIGTERM, as an operator stops it.
    public func stop() async throws {
        process.value?.send(SIGTERM)
        try await process.value?.ends()
    }

    /// Stops it from reading, without ending it.
    public func freeze() { process.value?.send(SIGSTOP) }
    public func thaw() { process.value?.send(SIGCONT) }

    /// What it has written so far; a line that is not whole yet is left out.
    public func messages() throws -> [Message] {
        let text = (try? String(contentsOfFile: directory + "/messages", encoding: .utf8)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().compactMap { line in
            let parts = line.split(separator: "\t", maxSplits: 6, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 7, let facility = Int(parts[0]), let severity = Int(parts[1]) else { return nil }
            return Message(
                facility: facility, severity: severity, application: parts[2], process: parts[3], id: parts[4],
                structuredData: parts[5], text: parts[6])
        }
    }
}
