import Foundation
import Glibc

let usage = """
    usage: load WORK [OPTION...]

    Plays callers and called party against a SIP proxy and prints one line of JSON.

    WORK
      call            INVITE, challenge, ACK, INVITE, 100, 180, 200, ACK, BYE, 200
      bare            the same without a challenge
      options         OPTIONS to the edge, answered 200
      stranger        INVITE, refused 403, from 127.66.0.1 on
      challenge       INVITE without credentials, answered 401
      wrong-password  INVITE, 401, ACK, INVITE, 401, ACK
      over-call-rate  the same, ending in 429
      guard           the same without a trace ID, ending in 400
      malformed       INVITE with a bad CSeq, answered 400
      drop            INVITEs from one source, of which nothing is expected (--flood-rate)
      handshake       connections, opened and closed (--transport tcp or tls)
      connections     connections, opened and kept (--count)

    OPTIONS
      --to ADDRESS:PORT        the edge (127.0.0.1:25060)
      --transport udp|tcp|tls  of the callers (udp); the called party is always reached by UDP
      --called ADDRESS:PORT    where the edge sends calls (127.0.0.1:25090)
      --rate N                 units begun a second (1000)
      --seconds N              how long is measured (5), after
      --warm-up N              seconds (1)
      --count N                begins no more than N units
      --hold N|forever         seconds a call is up (0); forever: says "ready" when --count are, and waits for a line
      --give-up N              seconds (8)
      --callers N              sockets, or connections (16)
      --users N                u0 to uN-1, passwords secret-0 to secret-N-1 (16)
      --source ADDRESS         first address of callers (127.0.0.1); --spread N: so many addresses (16)
      --per-call               a connection for each call; --resume: with TLS sessions of earlier ones
      --ca FILE                authorities that have signed the edge's certificate
      --algorithm MD5|SHA-256  of the digests (MD5)
      --ack                    acknowledges refusals of works that end with the first answer, too
      --flood-rate N           datagrams a second beside the calls, from 127.66.0.1; --flood-sources N: so many addresses
      --watch PID,...          processes (and their children) whose time on a core is told
    """

func parse(_ arguments: [String]) throws -> Plan {
    var plan = Plan()
    guard let name = arguments.first, let work = Plan.Work(rawValue: name) else { throw Failure(usage) }
    plan.work = work
    if work == .stranger { plan.source = Flood.strangers }
    if work == .drop { plan.sourceSpread = 1 }
    var rest = arguments.dropFirst()
    while let option = rest.popFirst() {
        switch option {
        case "--per-call": plan.connectionPerCall = true
        case "--resume": plan.resumes = true
        case "--ack": plan.acknowledgesRefusals = true
        default:
            guard let value = rest.popFirst() else { throw Failure("\(option): a value is missing") }
            try set(option, value, in: &plan)
        }
    }
    guard plan.transport == .udp || !plan.authorities.isEmpty || plan.transport == .tcp else {
        throw Failure("--transport tls needs --ca")
    }
    if plan.transport == .udp, plan.connectionPerCall || plan.work == .handshake || plan.work == .connections {
        throw Failure("\(name) needs --transport tcp or tls, as does --per-call")
    }
    if plan.hold == nil || plan.work == .connections {
        guard plan.count > 0 else { throw Failure("--hold forever and connections need --count") }
    }
    if plan.work == .drop {
        guard plan.floodRate > 0 else { throw Failure("drop needs --flood-rate") }
        plan.rate = 0.001
    }
    plan.seed = UInt32.random(in: 0 ... .max)
    return plan
}

func set(_ option: String, _ value: String, in plan: inout Plan) throws {
    func read<T>(_ parsed: T?) throws -> T {
        guard let parsed else { throw Failure("\(option): '\(value)' is not a value for it") }
        return parsed
    }
    func number(from least: Double) throws -> Double {
        let number = try read(Double(value))
        guard number >= least, number.isFinite else { throw Failure("\(option): must be at least \(least)") }
        return number
    }
    func count(_ range: ClosedRange<Int>) throws -> Int {
        let number = try read(Int(value))
        guard range.contains(number) else { throw Failure("\(option): must be in \(range)") }
        return number
    }
    switch option {
    case "--to": plan.target = try read(Endpoint(value))
    case "--called": plan.calledParty = try read(Endpoint(value))
    case "--transport": plan.transport = try read(Plan.Transport(rawValue: value))
    case "--algorithm": plan.algorithm = try read(Digest.Algorithm(rawValue: value))
    case "--rate": plan.rate = try number(from: 0.1)
    case "--seconds": plan.seconds = try number(from: 0.1)
    case "--warm-up": plan.warmUp = try number(from: 0)
    case "--hold": plan.hold = value == "forever" ? nil : try number(from: 0)
    case "--give-up": plan.giveUp = try number(from: 0.5)
    case "--count": plan.count = try count(1...1_000_000)
    case "--callers": plan.callers = try count(1...1000)
    case "--users": plan.users = try count(1...1000)
    case "--source": plan.source = try read(Endpoint.address(value))
    case "--spread": plan.sourceSpread = UInt32(try count(1...65_536))
    case "--ca": plan.authorities = value
    case "--flood-rate": plan.floodRate = try number(from: 1)
    case "--flood-sources": plan.floodSources = try count(1...65_536)
    case "--watch": plan.watched = try value.split(separator: ",").map { try read(Int32($0)) }
    default: throw Failure("\(option): unknown option")
    }
}

do {
    signal(SIGPIPE, SIG_IGN)
    let plan = try parse(Array(CommandLine.arguments.dropFirst()))
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw Failure.system("getrlimit") }
    limit.rlim_cur = limit.rlim_max
    guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw Failure.system("setrlimit") }
    print(try Load(plan).run().line())
} catch {
    FileHandle.standardError.write(Data("load: \(error)\n".utf8))
    exit(1)
}
