import Foundation

/// A load whose time on a core, for each unit of it, is compared.
struct Work {
    let name: String
    let title: String
    let kind: String
    var variant = Variant.seven
    let rate: Int
    var arguments: [String] = []
    /// The ratio that is to be reached, and the one that is aimed at.
    var bar: Double?
    var aim: Double?

    func arguments(_ program: Program, _ places: Places, seconds: Double) -> [String] {
        let port = program.port(variant, isTLS ? "tls" : kind)
        var all = [kind, "--to", "127.0.0.1:\(port)", "--seconds", String(seconds)]
        all += kind == "drop" ? ["--flood-rate", String(rate)] : ["--rate", String(rate)]
        if isTLS { all += ["--ca", places.work.appendingPathComponent("tls/ca.pem").path] }
        return all + arguments
    }

    var isTLS: Bool { arguments.contains("tls") }
    var isCall: Bool { kind == "call" || kind == "bare" }

    static let all: [Work] = [
        Work(name: "seven-udp-1000", title: "call, seven layers, UDP", kind: "call", rate: 1000, bar: 1.0, aim: 0.5),
        Work(name: "seven-udp-4000", title: "call, seven layers, UDP", kind: "call", rate: 4000, bar: 1.0, aim: 0.5),
        Work(
            name: "seven-tcp", title: "call, seven layers, TCP", kind: "call", rate: 1000,
            arguments: ["--transport", "tcp"]),
        Work(
            name: "seven-tls", title: "call, seven layers, TLS, a connection for each caller", kind: "call", rate: 1000,
            arguments: ["--transport", "tls"], bar: 1.0, aim: 0.7),
        Work(
            name: "seven-tls-new", title: "call, seven layers, TLS, a connection for each call", kind: "call",
            rate: 200,
            arguments: ["--transport", "tls", "--per-call"]),
        Work(
            name: "seven-tls-resumed", title: "the same, TLS sessions resumed", kind: "call", rate: 200,
            arguments: ["--transport", "tls", "--per-call", "--resume"]),
        Work(
            name: "bare-1000", title: "call, record-routed only, UDP", kind: "bare", variant: .bare, rate: 1000,
            bar: 1.2,
            aim: 0.8),
        Work(
            name: "bare-4000", title: "call, record-routed only, UDP", kind: "bare", variant: .bare, rate: 4000,
            bar: 1.2,
            aim: 0.8),
        Work(name: "options-5000", title: "OPTIONS answered", kind: "options", rate: 5000, bar: 0.8, aim: 0.5),
        Work(name: "options-20000", title: "OPTIONS answered", kind: "options", rate: 20_000, bar: 0.8, aim: 0.5),
        Work(name: "stranger-5000", title: "stranger refused", kind: "stranger", rate: 5000, bar: 0.9, aim: 0.6),
        Work(name: "stranger-20000", title: "stranger refused", kind: "stranger", rate: 20_000, bar: 0.9, aim: 0.6),
        Work(name: "challenge-5000", title: "challenge", kind: "challenge", rate: 5000, bar: 0.8, aim: 0.5),
        Work(name: "challenge-20000", title: "challenge", kind: "challenge", rate: 20_000, bar: 0.8, aim: 0.5),
        Work(
            name: "wrong-password", title: "challenge, then wrong password refused", kind: "wrong-password", rate: 2000),
        Work(
            name: "over-call-rate", title: "challenge, then call over the rate refused", kind: "over-call-rate",
            variant: .callLimit, rate: 2000),
        Work(name: "guard", title: "challenge, then refused by the guard", kind: "guard", rate: 2000),
        Work(
            name: "drop-20000", title: "packet of a source over its rate dropped", kind: "drop", variant: .sourceLimit,
            rate: 20_000, bar: 0.6, aim: 0.35),
        Work(
            name: "drop-100000", title: "packet of a source over its rate dropped", kind: "drop", variant: .sourceLimit,
            rate: 100_000, bar: 0.6, aim: 0.35),
        Work(
            name: "malformed-5000", title: "malformed message refused", kind: "malformed", rate: 5000, bar: 0.5,
            aim: 0.3),
        Work(
            name: "malformed-20000", title: "malformed message refused", kind: "malformed", rate: 20_000, bar: 0.5,
            aim: 0.3),
        Work(
            name: "handshake", title: "TLS connection, opened and closed", kind: "handshake", rate: 200,
            arguments: ["--transport", "tls"]),
        Work(
            name: "handshake-resumed", title: "TLS connection, session resumed, one OPTIONS", kind: "handshake",
            rate: 200,
            arguments: ["--transport", "tls", "--resume"]),
    ]
}
