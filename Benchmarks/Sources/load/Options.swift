import Glibc

/// What to do, from the command line: `load WORK --name value ...`.
struct Options {
    enum Work: String, CaseIterable {
        case call, hold, options, stranger, challenge, malformed, drop, flood, largest
        case wrongPassword = "wrong-password"
        case callRate = "call-rate"
        case guardRefusal = "guard"
        case idleTLS = "idle-tls"
        case handshake
    }

    enum Transport: String {
        case udp, tcp, tls
    }

    var work = Work.call
    var transport = Transport.udp
    var edge = "127.0.0.1:5060"
    var callerPort: UInt16 = 5091
    var farPort: UInt16 = 5090
    /// Units a second.
    var rate = 1000.0
    var seconds = 5.0
    var warmup = 1.0
    var callers = 50
    /// The first caller's address; the others follow.
    var source = "127.0.1.1"
    var sources = 1
    var authenticate = true
    var algorithm = "MD5"
    var domain = "external.advisor"
    var target = "expert-safety"
    var password = "correct horse"
    var hold = 0.0
    var calls = 10_000
    var acknowledge = false
    var connection = "kept"
    var authority = "tls/ca.pem"
    var serverName = "localhost"
    /// The edge's process; its time on the CPU is measured where this is given.
    var process: pid_t = 0
    var beside = 0.0
    var give = 32.0
    var from = 1000.0
    var to = 16_000.0

    static let usage = """
        usage: load WORK [--option value ...]

        WORK
          call            whole calls: INVITE, challenge, ACK, INVITE, 100, 180, 200, ACK, BYE, 200
          hold            --calls calls up at once, then hangs up; memory with --process
          largest         the largest rate of calls between --from and --to at which none fails
          options         OPTIONS that the edge answers
          stranger        INVITE from an address that is not on the allowlist
          challenge       INVITE without credentials
          wrong-password  INVITE with an answer to a challenge that is wrong
          call-rate       INVITE of a user over the call rate (needs a configuration with a low one)
          guard           INVITE without the headers that the guard wants
          drop            INVITE of a source over its rate (needs a configuration with a low one)
          malformed       INVITE with a CSeq that is no number
          flood           --rate INVITEs a second of strangers (--sources addresses), --beside calls a second beside them
          handshake       TLS connections, one OPTIONS on each
          idle-tls        --calls TLS connections, one OPTIONS on each, then idle; memory with --process

        OPTIONS
          --edge ADDRESS:PORT   127.0.0.1:5060       --transport udp|tcp|tls        udp
          --rate N              1000 a second        --seconds N                    5
          --warmup N            1 second             --process PID                  of the edge, to measure it
          --callers N           50                   --source ADDRESS               127.0.1.1, of the first caller
          --sources N           1, for flood         --authenticate yes|no          yes
          --algorithm MD5|SHA-256                    --domain NAME                  external.advisor
          --target USER         expert-safety        --password TEXT                correct horse
          --hold SECONDS        0                    --calls N                      10000
          --acknowledge yes|no  no, for refusals     --connection kept|new|resumed  kept
          --authority FILE      tls/ca.pem           --server-name NAME             localhost
          --caller-port N       5091                 --far-port N                   5090
          --give SECONDS        32: a call fails after so long
        Users are caller-00, caller-01, ... at --domain. One line of JSON is printed.
        """

    init(_ arguments: [String]) throws {
        guard let name = arguments.first, let work = Work(rawValue: name) else {
            throw ProgramError(Self.usage)
        }
        self.work = work
        var rest = arguments.dropFirst()
        while let option = rest.popFirst() {
            guard let value = rest.popFirst() else { throw ProgramError("\(option) needs a value") }
            try set(option, value)
        }
        guard rate > 0, seconds > 0, callers > 0, callers <= 1000, sources > 0, calls > 0, calls <= 60_000 else {
            throw ProgramError("rate, seconds, callers (to 1000), sources and calls (to 60000) must be positive")
        }
        if transport == .udp && connection != "kept" {
            throw ProgramError("--connection is for tcp and tls")
        }
    }

    private mutating func set(_ option: String, _ value: String) throws {
        func number<Number: LosslessStringConvertible>(_ type: Number.Type = Number.self) throws -> Number {
            guard let number = Number(value) else { throw ProgramError("\(option) \(value): not a number") }
            return number
        }
        func choice(_ choices: [String]) throws -> String {
            guard choices.contains(value) else {
                throw ProgramError("\(option) \(value): one of \(choices.joined(separator: ", "))")
            }
            return value
        }
        switch option {
        case "--edge": edge = value
        case "--transport":
            guard let transport = Transport(rawValue: value) else { throw ProgramError("\(value): udp, tcp or tls") }
            self.transport = transport
        case "--rate": rate = try number()
        case "--seconds": seconds = try number()
        case "--warmup": warmup = try number()
        case "--callers": callers = try number()
        case "--source": source = value
        case "--sources": sources = try number()
        case "--authenticate": authenticate = try choice(["yes", "no"]) == "yes"
        case "--algorithm": algorithm = try choice(["MD5", "SHA-256"])
        case "--domain": domain = value
        case "--target": target = value
        case "--password": password = value
        case "--hold": hold = try number()
        case "--calls": calls = try number()
        case "--acknowledge": acknowledge = try choice(["yes", "no"]) == "yes"
        case "--connection": connection = try choice(["kept", "new", "resumed"])
        case "--authority": authority = value
        case "--server-name": serverName = value
        case "--process": process = try number()
        case "--beside": beside = try number()
        case "--give": give = try number()
        case "--from": from = try number()
        case "--to": to = try number()
        case "--caller-port": callerPort = try number()
        case "--far-port": farPort = try number()
        default: throw ProgramError("\(option): no such option\n\n\(Self.usage)")
        }
    }
}
