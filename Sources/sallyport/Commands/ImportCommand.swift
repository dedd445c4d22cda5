import ArgumentParser
import Registry
import Witness

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take over who may call from another program.", subcommands: [Kamailio.self])

    struct Kamailio: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take over subscribers and networks from a Kamailio.",
            discussion: """
                Says what it would do; --apply does it. What is here already stays as it is. Passwords in plain text become \
                hashes; where only MD5 hashes are known, these are taken. Exits with 2 when there is something to do and \
                --apply is not given.

                A server is read by its own client, psql or mariadb, which has to be installed. Keep the password where that \
                client looks for it (~/.pgpass, ~/.my.cnf): others on this machine can see what stands in a command.

                A database that Sallyport is to share with a running Kamailio needs no import: name it as 'database'.
                """)

        @Argument(
            help: """
                Kamailio's SQLite file, the directory of its text database (db_text), or its server: \
                postgresql://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE.
                """, completion: .file())
        var source: String
        @Flag(help: "Do it.") var apply = false
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        private struct Output: Encodable {
            struct Subscriber: Encodable {
                let aor: String
                let algorithms: [String]
            }

            var subscribers: [Subscriber] = []
            var networks: [AllowCommand.Output] = []
            var present: [String] = []
            var differs: [String] = []
            let problems: [String]
            let applied: Bool
        }

        func run() throws {
            let data = try KamailioData(source: source)
            let store = try configuration.openRegistry(create: true)
            let plan = try store.plan(data)
            var document = Output(problems: data.problems, applied: apply)
            var lines: [String] = []
            for step in plan.steps {
                switch step {
                case .addSubscriber(let aor, let algorithms):
                    document.subscribers.append(.init(aor: aor, algorithms: algorithms))
                    lines.append("+ subscriber \(aor) (\(algorithms.joined(separator: " ")))")
                case .addNetwork(let rule):
                    document.networks.append(.init(rule))
                    lines.append("+ network \(rule.network) in group \(rule.group) for \(rule.tag)")
                case .present(let what):
                    document.present.append(what)
                    lines.append("= \(what)")
                case .differs(let what):
                    document.differs.append(what)
                    lines.append("! \(what) differs and stays as it is")
                }
            }
            if apply {
                let progress = Progress(plan.changes)
                try store.carryOut(plan) { progress.show($0) }
                progress.end()
            }
            for problem in data.problems { Terminal.warn("left out: \(problem)") }
            lines.append(
                apply
                    ? "\(plan.changes) added"
                    : plan.changes == 0 ? "nothing to do" : "\(plan.changes) to add: say --apply")
            try output.show(document, text: lines.map { JSONText.escaped($0) }.joined(separator: "\n"))
            if !apply, plan.changes > 0 { throw ExitCode(2) }
        }
    }
}
