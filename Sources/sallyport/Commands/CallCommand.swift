import ArgumentParser
import CoreTypes
import Foundation
import SIPMessage
import SallyportConfiguration
import TransportSecurity
import UserAgent
import Witness

struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Place calls, to try an edge with.",
        discussion: """
            Prints each answer with its time. No media flows. Exits with 0 when every call was answered with a 2xx, with 1 \
            otherwise.
            """)

    @Argument(help: "Whom to call, such as sip:expert-safety@external.advisor.") var uri: String
    @Option(help: "The user to authenticate as.") var username: String?
    @Option(help: "The password; others on this machine can read it while the command runs.") var password: String?
    @Flag(name: .customLong("password-stdin"), help: "Read the password from the first line of standard input.")
    var passwordFromInput = false
    @Option(help: "The caller, user@domain (default: the user at the called domain).") var from: String?
    @Option(help: "X-IF-Hazard.") var hazard: String?
    @Option(help: "X-IF-Trace-ID.") var traceID: String?
    @Option(help: "An Ed25519 private key in PEM; makes X-IF-Signature.", completion: .file()) var signKey: String?
    @Option(help: "The name that the signing key is registered under.") var keyID: String?
    @Option(name: .customLong("header"), help: "A further header, 'Name: value'; may be repeated.")
    var headers: [HeaderArgument] = []
    @Option(help: "How many calls, one after the other.") var count = 1
    @Option(help: "How long an answered call is held: 500ms, 2s, 1m.") var hold = DurationArgument(.seconds(2))
    @Option(help: "How long a final answer is waited for.") var patience = DurationArgument(.seconds(32))
    @Option(help: "udp, tcp or tls (default: what the URI says; tls with --ca or --certificate).")
    var transport: TransportArgument?
    @Option(help: "Send to this host[:port] instead of the URI's.") var proxy: ProxyArgument?
    @Option(help: "Authorities that a TLS server is trusted by, PEM (default: the system's).", completion: .file())
    var ca: String?
    @Option(help: "A client certificate to show, PEM.", completion: .file()) var certificate: String?
    @Option(help: "The client certificate's key, PEM.", completion: .file()) var key: String?
    @OptionGroup var configuration: ConfigurationOption
    @OptionGroup var output: OutputOption

    /// Who names authorities or a certificate means TLS.
    private var chosenTransport: TransportKind? {
        transport?.kind ?? (ca != nil || certificate != nil ? .tls : nil)
    }

    func validate() throws {
        guard let target = URI(uri), target.isSIP else {
            throw ValidationError("'\(uri)' is no SIP URI: write sip:user@host.")
        }
        guard CallDestination(target, via: proxy?.value, transport: chosenTransport) != nil else {
            throw ValidationError("'\(uri)' can't be called that way: sips needs tls, and ws is not known here.")
        }
        guard (1...100_000).contains(count) else { throw ValidationError("--count is a number from 1 to 100000.") }
        guard password == nil || !passwordFromInput else {
            throw ValidationError("Give --password or --password-stdin, not both.")
        }
        guard username != nil || (password == nil && !passwordFromInput) else {
            throw ValidationError("A password needs a --username.")
        }
        guard (signKey == nil) == (keyID == nil) else {
            throw ValidationError("--sign-key and --key-id belong together.")
        }
        guard (certificate == nil) == (key == nil) else {
            throw ValidationError("--certificate and --key belong together.")
        }
        for value in [hazard, traceID, keyID].compactMap({ $0 }) where !HeaderArgument.isPrintable(value) {
            throw ValidationError("A header's value can't hold control characters.")
        }
        guard callerURI(target) != nil else { throw ValidationError("--from is user@domain or a SIP URI.") }
    }

    func run() async throws {
        guard let target = URI(uri), let from = callerURI(target),
            let destination = CallDestination(target, via: proxy?.value, transport: chosenTransport)
        else { throw ValidationError("'\(uri)' is no SIP URI.") }
        let remote: Endpoint
        do {
            remote = try await destination.resolve()
        } catch {
            throw CommandFailure(error.description)
        }
        var plan = CallPlan(target: target, remote: remote, transport: destination.transport, from: from)
        plan.serverName = destination.serverName
        plan.username = username.map { String($0.split(separator: "@").first ?? "") }
        plan.password = passwordFromInput ? try readPassword() : password
        plan.hazard = hazard
        plan.traceID = traceID
        plan.signer = try signer()
        plan.headers = headers.map { ($0.name, $0.value) }
        plan.hold = hold.duration
        plan.patience = patience.duration
        let tls =
            plan.transport == .tls
            ? try ClientTLS.context(
                trust: try trustFile(), certificate: certificate, key: key, clock: { SystemClock.now().wall })
            : nil
        let caller = try await Caller(tls: tls)
        let allAnswered = try await place(plan, caller)
        await caller.shutdown()
        if !allAnswered { throw ExitCode(1) }
    }

    private func place(_ plan: CallPlan, _ caller: Caller) async throws -> Bool {
        var allAnswered = true
        let quiet = output.isJSON
        for number in 1...count {
            if !quiet {
                Terminal.print(
                    "call \(number) of \(count): \(uri) by \(plan.transport.rawValue) to \(plan.remote)")
            }
            let report = await caller.place(plan) { answer in
                if !quiet { Terminal.print(CallOutput.line(answer)) }
            }
            allAnswered = allAnswered && report.isAnswered
            try output.show(CallOutput(number, report), text: CallOutput.ending(report))
        }
        return allAnswered
    }

    /// The caller's URI: as given, or the user at the domain that is called.
    private func callerURI(_ target: URI) -> URI? {
        if let from { return URI(from.hasPrefix("sip:") || from.hasPrefix("sips:") ? from : "sip:\(from)") }
        guard let username else { return URI("sip:anonymous@anonymous.invalid") }
        return URI(username.contains("@") ? "sip:\(username)" : "sip:\(username)@\(target.host)")
    }

    private func readPassword() throws -> String {
        guard let line = Terminal.readSecret(prompt: "Password: "), !line.isEmpty else {
            throw CommandFailure("no password came on standard input")
        }
        return line
    }

    private func signer() throws -> CallPlan.Signer? {
        guard let signKey, let keyID else { return nil }
        guard let data = FileManager.default.contents(atPath: signKey), data.count <= 65_536 else {
            throw CommandFailure("\(signKey) can't be read: check the path and its permissions")
        }
        do {
            let privateKey = try SigningKeyFile.parse(String(decoding: data, as: UTF8.self))
            return CallPlan.Signer(keyID: keyID, privateKey: privateKey)
        } catch {
            throw CommandFailure("\(signKey) \(error)")
        }
    }

    /// An authority is taken from a configuration only when one is named: a call may go anywhere.
    private func trustFile() throws -> String? {
        guard ca == nil, configuration.path != nil else { return ca }
        let edge = try configuration.load()
        return edge.resolve(edge.tls.trust)
    }
}

/// A call as `--json` shows it: one object a line.
struct CallOutput: Encodable {
    struct Answer: Encodable {
        let status: Int
        let reason: String
        let ms: Double
    }

    let call: Int
    let callID: String
    /// Of the final answer; 0 when there was none, and `reason` says why.
    let status: Int
    let reason: String
    /// Of the final answer; several fields of one name are joined by commas.
    let headers: [String: String]
    let ms: Double?
    let answers: [Answer]
    let algorithm: String?
    let bye: Int?

    init(_ number: Int, _ report: CallReport) {
        call = number
        callID = report.callID
        status = report.final?.status ?? 0
        reason = report.final?.reason ?? Self.reason(report)
        headers = Dictionary(
            (report.final?.headers ?? []).map { ($0.name, $0.value) }, uniquingKeysWith: { $0 + ", " + $1 })
        ms = report.final.map { Self.milliseconds($0.after) }
        answers = report.answers.map {
            Answer(status: $0.status, reason: $0.reason, ms: Self.milliseconds($0.after))
        }
        algorithm = report.algorithm?.rawValue
        bye = report.byeStatus
    }

    /// To a tenth.
    private static func milliseconds(_ duration: Duration) -> Double {
        (Double(duration.nanoseconds) / 100_000).rounded() / 10
    }

    static func line(_ answer: CallAnswer) -> String {
        let time = String(format: "%8.1f ms", milliseconds(answer.after))
        // Of all headers these say what to do next.
        let telling = ["Retry-After", "Warning", "Reason"].compactMap { name in
            answer.header(name).map { "  \(name): \(JSONText.escaped($0))" }
        }
        return "\(time)  \(answer.status) \(JSONText.escaped(answer.reason))" + telling.joined()
    }

    static func ending(_ report: CallReport) -> String {
        let text =
            switch report.ending {
            case .refused: "refused"
            case .hungUp: "hung up" + (report.byeStatus.map { ", BYE answered with \($0)" } ?? ", BYE not answered")
            case .peerHungUp: "the other side hung up"
            case .noAnswer, .failed: reason(report)
            }
        return String(repeating: " ", count: 13) + text
    }

    private static func reason(_ report: CallReport) -> String {
        if case .failed(let reason) = report.ending { return reason }
        return "no final answer"
    }
}

/// `Name: value`.
struct HeaderArgument: ExpressibleByArgument {
    let name: String
    let value: String

    init?(argument: String) {
        guard let colon = argument.firstIndex(of: ":") else { return nil }
        name = String(argument[..<colon])
        value = argument[argument.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        let isToken = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-.!%*_+`'~".utf8.contains(byte)
        }
        guard !name.isEmpty, isToken, Self.isPrintable(value) else { return nil }
    }

    /// Anything that is no control character: a line break would begin another header.
    static func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
    }
}

/// `500ms`, `2s`, `1m`.
struct DurationArgument: ExpressibleByArgument {
    let duration: Duration

    init(_ duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        guard let duration = DurationText.parse(argument) else { return nil }
        self.duration = duration
    }

    var defaultValueDescription: String { DurationText.text(of: duration) }
}

/// `host`, `host:port`, `[v6]:port`.
struct ProxyArgument: ExpressibleByArgument {
    let value: (host: SIPMessage.Host, port: UInt16?)

    init?(argument: String) {
        guard let uri = URI("sip:\(argument)"), uri.user == nil, uri.parameters.isEmpty, uri.headers == nil else {
            return nil
        }
        value = (uri.host, uri.port)
    }
}

struct TransportArgument: ExpressibleByArgument {
    let kind: TransportKind

    init?(argument: String) {
        guard let kind = TransportKind(rawValue: argument.lowercased()) else { return nil }
        self.kind = kind
    }

    static var allValueStrings: [String] { TransportKind.allCases.map(\.rawValue) }
}
