import Foundation
import TestSupport

/// A Kamailio on loopback that says of each request what it has read in it. It forwards nothing.
final class Kamailio {
    /// What it read; text as it stood, nil where it saw nothing.
    struct Reading: Equatable {
        var method: String?
        var requestURI: String?
        var fromURI: String?
        var fromTag: String?
        var toURI: String?
        var toTag: String?
        var callID: String?
        var cSeq: String?
        var contentLength: String?
        var bodyLength: String?
        /// Whether it got to the last field of the header. It reads no further than to a name or value that it can't.
        var isWhole = false
    }

    let port: UInt16
    private let process: Child
    private let output: Pipe
    private var pending: [UInt8] = []
    private let directory: URL
    private let sender: LoopbackSender
    /// What it complained about, by the kind of complaint.
    private(set) var complaints: [String: Int] = [:]

    /// In the order in which the log lines have them.
    private static let readings = [
        "$rm", "$ru", "$fu", "$ft", "$tu", "$tt", "$ci", "$cs", "$cl", "$(rb{s.len})",
    ]

    init() throws {
        let program = try PeerProgram.kamailio.require()
        let modules = try PeerProgram.kamailioModules.require()
        port = try FreePort.next()
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("kamailio-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        // Values in hexadecimal, since they may hold anything.
        let values = Self.readings.map { name in
            name.hasPrefix("$(") ? name : "$(\(name.dropFirst()){s.encode.hexa})"
        }
        let script = """
            debug=1
            log_stderror=yes
            fork=no
            children=1
            auto_aliases=no
            dns=no
            rev_dns=no
            disable_tcp=yes
            listen=udp:127.0.0.1:\(port)
            mpath="\(modules)/"
            loadmodule "pv.so"
            loadmodule "textops.so"
            loadmodule "xlog.so"
            modparam("xlog", "buf_size", 65000)
            request_route {
                xlog("L_ALERT", "PROBE|$sel(via[1].branch)|$hdr(X-Probe)|\(values.joined(separator: "|"))|\\n");
                exit;
            }
            """
        let file = directory.appendingPathComponent("kamailio.cfg")
        try Data(script.utf8).write(to: file)
        output = Pipe()
        sender = try LoopbackSender(port: port)
        process = try Child(
            program,
            [
                "-f", file.path, "-DD", "-E", "-m", "64", "-M", "32", "-Y", directory.path, "-P",
                directory.path + "/pid",
            ], in: directory.path, input: FileHandle.nullDevice.fileDescriptor,
            output: FileHandle.nullDevice.fileDescriptor, errors: output.fileHandleForWriting.fileDescriptor)
        try awaitStart()
    }

    deinit {
        // Not killed at once: it has children to end.
        process.send(SIGTERM)
        let deadline = ContinuousClock.now + .seconds(10)
        while process.exitCode == nil, ContinuousClock.now < deadline { usleep(10_000) }
        process.send(SIGKILL)
        process.wait()
        try? FileManager.default.removeItem(at: directory)
    }

    /// It listens when it first answers a probe; until then datagrams are lost.
    private func awaitStart() throws {
        for _ in 0..<200 {
            try sender.send(Self.probe("start"))
            if try readLines(until: "start", within: .milliseconds(100)) != nil { return }
        }
        throw Failure("Kamailio has not started:\n\(String(decoding: pending.suffix(2000), as: UTF8.self))")
    }

    private static func probe(_ name: String) -> [UInt8] {
        Array(
            """
            OPTIONS sip:probe@127.0.0.1 SIP/2.0\r
            Via: SIP/2.0/UDP 127.0.0.1:9;branch=\(name)\r
            From: <sip:probe@127.0.0.1>;tag=1\r
            To: <sip:probe@127.0.0.1>\r
            Call-ID: \(name)\r
            CSeq: 1 OPTIONS\r
            Content-Length: 0\r
            \r

            """.utf8)
    }

    /// Sends requests and gives what was read in each, by the branch of its topmost Via. Those missing were thrown away by
    /// Kamailio itself. It reads in the order of sending, so that a last probe says when all have been read.
    func readings(of requests: [[UInt8]], batch: Int) throws -> [String: Reading] {
        for request in requests { try sender.send(request) }
        let last = "end-\(batch)"
        try sender.send(Self.probe(last))
        guard let lines = try readLines(until: last, within: .seconds(20)) else {
            throw Failure("Kamailio fell silent:\n\(String(decoding: pending.suffix(2000), as: UTF8.self))")
        }
        var result: [String: Reading] = [:]
        for line in lines {
            let parts = line.components(separatedBy: "|")
            guard parts.count == Self.readings.count + 4 else { throw Failure("Kamailio wrote: \(line)") }
            let values = Array(parts[3..<13]).map { $0 == "<null>" || $0 == Self.hexadecimalNull ? nil : $0 }
            func text(_ index: Int) -> String? { values[index].map(Self.decoded) }
            guard
                result.updateValue(
                    Reading(
                        method: text(0), requestURI: text(1), fromURI: text(2), fromTag: text(3), toURI: text(4),
                        toTag: text(5), callID: text(6), cSeq: text(7), contentLength: text(8),
                        bodyLength: values[9], isWhole: parts[2] == "last"), forKey: parts[1]) == nil
            else { throw Failure("Kamailio saw two requests in one: \(line)") }
        }
        return result
    }

    private static let hexadecimalNull = "3c6e756c6c3e"

    private static func decoded(_ hexadecimal: String) -> String {
        let digits = Array(hexadecimal.utf8)
        var octets: [UInt8] = []
        for index in stride(from: 0, to: digits.count - 1, by: 2) {
            octets.append(UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) ?? 0)
        }
        return String(decoding: octets, as: UTF8.self)
    }

    /// The lines about requests up to the one about a probe; nil when that has not come in time.
    private func readLines(until name: String, within limit: Duration) throws -> [String]? {
        let deadline = ContinuousClock.now + limit
        var lines: [String] = []
        let descriptor = output.fileHandleForReading.fileDescriptor
        while true {
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeSubrange(...end)
                guard let start = line.range(of: "PROBE|") else {
                    note(line)
                    continue
                }
                let text = String(line[start.lowerBound...])
                if text.hasPrefix("PROBE|\(name)|") { return lines }
                if !text.hasPrefix("PROBE|start|") { lines.append(text) }
            }
            let left = (deadline - ContinuousClock.now).components
            let milliseconds = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000
            guard milliseconds > 0 else { return nil }
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard Foundation.poll(&poll, 1, Int32(milliseconds)) > 0 else { return nil }
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failure("Kamailio has ended") }
            pending += data
        }
    }

    /// `ERROR: <core> [core/parser/parse_fline.c:272]: parse_first_line(): ...` counts as `parse_first_line`.
    private func note(_ line: String) {
        guard line.contains("ERROR:") || line.contains("CRITICAL:"), let start = line.range(of: "]: ") else { return }
        let kind = line[start.upperBound...].prefix { $0 != "(" && $0 != ":" }
        complaints[String(kind), default: 0] += 1
    }
}

/// Datagrams to a port of 127.0.0.1.
private struct LoopbackSender: ~Copyable {
    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("no socket: \(errno)") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure("can't connect: \(errno)") }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        // Refused means that nobody listens yet, and concerns the datagram before this one.
        for _ in 0..<3 where Foundation.send(descriptor, bytes, bytes.count, 0) == bytes.count { return }
        guard errno == ECONNREFUSED else { throw Failure("can't send \(bytes.count) octets: \(errno)") }
    }
}
