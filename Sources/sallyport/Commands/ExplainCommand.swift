import ArgumentParser
import ControlAPI
import CoreTypes
import Witness

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Would this call get in? What each layer of a running edge says to it.",
        discussion: """
            Nothing is sent and nothing of it is remembered: layers are asked as they are now. Exits with 0 when the call \
            would get in, with 1 when not.
            """)

    @Argument(help: "Where it comes from: an IPv4 or IPv6 address.") var source: String
    @Option(help: "The source port (default: 5060).") var port: UInt16?
    @Option(
        help: "udp, tcp or tls (default: the first of tls, tcp, udp that something listens on).",
        completion: .list(TransportKind.allCases.map(\.rawValue)))
    var transport: String?
    @Option(help: "The profile (default: that of the first listener with this transport).") var profile: String?
    @Option(help: "Who calls, with the right password: user@domain (default: a stranger).") var user: String?
    @Option(help: "The Request-URI, such as sip:expert-safety@external.advisor.") var to: String?
    @Option(help: "INVITE, MESSAGE, SUBSCRIBE or REGISTER (default: INVITE).") var method: String?
    @Option(help: "The hazard that the call is about.") var hazard: String?
    @Option(help: "The trace (default: one that is made up).") var traceID: String?
    @Option(
        name: .customLong("header"), parsing: .singleValue,
        help: ArgumentHelp("A further header; may stand several times.", valueName: "'Name: value'"))
    var headers: [String] = []
    @OptionGroup var configuration: ConfigurationOption
    @OptionGroup var output: OutputOption

    func validate() throws {
        for header in headers where !header.dropFirst().contains(":") {
            throw ValidationError("--header '\(JSONText.escaped(header))' is not 'Name: value'.")
        }
    }

    func run() async throws {
        let question = try question()
        let answer = try await ControlClient(try configuration.load()).explain(question)
        try show(answer)
    }

    private func question() throws -> RehearsalQuestion {
        var question = RehearsalQuestion(source: try IPAddress(argument: source).description)
        question.port = port
        question.transport = transport
        question.profile = profile
        question.user = user
        question.to = to
        question.method = method
        question.hazard = hazard
        question.traceId = traceID
        let pairs = headers.map { header in
            let name = header.prefix { $0 != ":" }
            return (String(name), String(header.dropFirst(name.count + 1).drop { $0 == " " }))
        }
        question.headers = pairs.isEmpty ? nil : Dictionary(pairs) { _, last in last }
        return question
    }

    private func show(_ answer: RehearsalAnswer) throws {
        try output.show(answer, text: Self.text(answer))
        if !answer.admitted { throw ExitCode(1) }
    }

    private static func text(_ answer: RehearsalAnswer) -> String {
        var table = Table("LAYER", "NAME", "VERDICT", "ANSWER", "WHY")
        for verdict in answer.verdicts {
            let status = verdict.status.map { "\($0) \(verdict.reason ?? "")" } ?? ""
            table.add(String(verdict.layer), verdict.name, verdict.outcome, status, verdict.detail)
        }
        let end =
            answer.admitted
            ? "It would get in" + (answer.route.map { ", by route \($0.name) to \($0.to)." } ?? ".")
            : answer.route.map { "It would not get in: route \($0.name) leads to \($0.to)." }
                ?? "It would not get in."
        return table.text() + "\n" + JSONText.escaped(end)
    }
}
