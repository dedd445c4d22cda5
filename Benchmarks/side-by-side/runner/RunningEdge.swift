import Foundation
import Glibc

/// A program under test, pinned to the first core.
final class RunningEdge {
    let process: Child
    /// From its start to its first answer.
    let startUp: Duration
    private let program: Program

    init(_ places: Places, _ program: Program, _ variant: Variant) throws {
        self.program = program
        if program == .sallyport {
            try places.configureSallyport(variant)
            try? FileManager.default.removeItem(at: places.work.appendingPathComponent("var/witness"))
        }
        let (arguments, environment) = places.serveCommand(program, variant)
        let log = places.work.appendingPathComponent("\(program.rawValue).log")
        guard FileManager.default.createFile(atPath: log.path, contents: nil) else {
            throw Failure("can't write \(log.path)")
        }
        let output = open(log.path, O_WRONLY | O_CLOEXEC)
        guard output >= 0 else { throw Failure("can't write \(log.path)") }
        defer { close(output) }
        let start = ContinuousClock.now
        process = try Child(
            ["taskset", "-c", "0"] + arguments, environment: environment, output: output,
            errors: output)
        let probe = try Probe(port: program.port(variant, "options"))
        while try !probe.isAnswered() {
            guard process.isRunning, ContinuousClock.now - start < .seconds(20) else {
                let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
                kill(process.id, SIGTERM)
                process.wait()
                throw Failure("\(program.name) does not answer:\n\(text.suffix(3000))")
            }
        }
        startUp = ContinuousClock.now - start
    }

    /// Of all its processes, in bytes: their own memory, and their shares of what they share.
    func proportionalSetSize() throws -> Int {
        try ProcessTable.family(of: process.id).reduce(0) { sum, member in
            let text = try String(contentsOfFile: "/proc/\(member)/smaps_rollup", encoding: .utf8)
            guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Pss:") }),
                let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
            else { throw Failure("/proc/\(member)/smaps_rollup has no Pss") }
            return sum + kilobytes * 1024
        }
    }

    func stop() throws {
        let family = try ProcessTable.family(of: process.id)
        kill(process.id, SIGTERM)
        let deadline = ContinuousClock.now + .seconds(15)
        while process.isRunning, ContinuousClock.now < deadline { usleep(10_000) }
        if process.isRunning { for member in family { kill(member, SIGKILL) } }
        process.wait()
    }
}

enum ProcessTable {
    static func family(of process: Int32) throws -> [Int32] {
        var result: [Int32] = []
        var open = [process]
        while let next = open.popLast() {
            result.append(next)
            for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(next)/task") {
                let path = "/proc/\(next)/task/\(thread)/children"
                guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { continue }
                open += text.split(separator: " ").compactMap { Int32($0) }
            }
        }
        return result
    }
}

/// Asks whether somebody is there.
private final class Probe {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard descriptor >= 0, result == 0 else { throw Failure("no socket: \(String(cString: strerror(errno)))") }
    }

    deinit {
        close(descriptor)
    }

    /// Sends one request and waits for up to 2 ms.
    func isAnswered() throws -> Bool {
        let request = Array(
            """
            OPTIONS sip:edge.example SIP/2.0\r
            Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bKprobe\(UInt32.random(in: 0 ... .max))\r
            Max-Forwards: 70\r
            From: <sip:probe@edge.example>;tag=probe\r
            To: <sip:edge.example>\r
            Call-ID: probe-\(UInt32.random(in: 0 ... .max))\r
            CSeq: 1 OPTIONS\r
            Content-Length: 0\r
            \r

            """.utf8)
        _ = send(descriptor, request, request.count, 0)
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, 2) > 0 else { return false }
        var buffer = [UInt8](repeating: 0, count: 2048)
        return recv(descriptor, &buffer, buffer.count, 0) > 0
    }
}
