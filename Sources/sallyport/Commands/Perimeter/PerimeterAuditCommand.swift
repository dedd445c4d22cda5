import ArgumentParser
import Perimeter
import PerimeterAWS
import PerimeterNFTables

extension PerimeterCommand {
    struct Audit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what is not as the file declares it.",
            discussion: "Exits with 2 when there are findings at or above --fail-on.")

        enum Format: String, ExpressibleByArgument, CaseIterable {
            case table
            case json
            case sarif
            case junit
        }

        @OptionGroup var perimeter: PerimeterOption
        @Option(help: "table, json, sarif (2.1.0) or junit.") var format = Format.table
        @Flag(name: .customLong("json"), help: "The same as --format json.") var isJSON = false
        @Option(
            help: "The least severity that counts: low, medium, high or critical.",
            transform: { text in
                guard let severity = Severity(rawValue: text) else {
                    throw ValidationError("--fail-on: '\(text)' is none of low, medium, high and critical.")
                }
                return severity
            })
        var failOn = Severity.low

        func run() async throws {
            let (declared, observed) = try await perimeter.observe()
            let findings = Perimeter.Audit.findings(declared, observed, today: .today)
            Terminal.write(try text(findings))
            if findings.reach(failOn) { throw ExitCode(2) }
        }

        private func text(_ findings: [Finding]) throws -> String {
            switch isJSON ? .json : format {
            case .table: FindingTable(findings).text(width: Terminal.width ?? 120)
            case .json: try findings.json()
            case .sarif: try SARIF(findings, file: perimeter.path, version: Sallyport.version).text()
            case .junit: JUnit(findings, failOn: failOn).text
            }
        }
    }

    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the changes that make what is there into what the file declares.",
            discussion: "Exits with 2 when there are changes.")

        @OptionGroup var perimeter: PerimeterOption
        @Option(help: ArgumentHelp("Write the plan to a file, for apply.", valueName: "file"), completion: .file())
        var out: String?
        @Flag(name: .customLong("json"), help: "Print JSON, for programs.") var isJSON = false

        func run() async throws {
            let (declared, observed) = try await perimeter.observe()
            let plan = Perimeter.Plan.make(declared, observed, today: .today)
            if let out { try writeWhole(try plan.json(), to: out) }
            Terminal.write(isJSON ? try plan.json() : plan.text)
            PerimeterNotes.warn(plan, declared, observed)
            if !plan.isEmpty || !plan.refusals.isEmpty { throw ExitCode(2) }
        }
    }

    struct Cost: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what the planned changes add to a month's bill, by list prices.")

        @OptionGroup var perimeter: PerimeterOption
        @Flag(name: .customLong("json"), help: "Print JSON, for programs.") var isJSON = false

        func run() async throws {
            let (declared, observed) = try await perimeter.observe()
            let cost = Perimeter.Cost(of: Perimeter.Plan.make(declared, observed, today: .today).changes)
            Terminal.write(isJSON ? try cost.json() : cost.text)
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the declared rules for another tool.", subcommands: [Terraform.self])

        struct Terraform: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Write the declared groups and rules for Terraform.",
                discussion: """
                    What is there already is taken over by import blocks, which need Terraform 1.5 or later. Rules of a role \
                    stand for themselves, so that Terraform leaves the rules of others alone.
                    """)

            @OptionGroup var perimeter: PerimeterOption
            @Flag(help: "Look groups up instead of owning them.") var dataGroups = false
            @Flag(help: "Leave out the blocks that name provider and region.") var embedded = false
            @Flag(help: "Don't look at what is there: no import blocks.") var offline = false
            @Option(help: ArgumentHelp("Write to a file.", valueName: "file"), completion: .file()) var out: String?

            func run() async throws {
                let text = try await text()
                guard let out else { return Terminal.write(text) }
                try writeWhole(text, to: out)
            }

            private func text() async throws -> String {
                let declared = try perimeter.load()
                guard declared.provider.aws != nil else {
                    throw CommandFailure(
                        "\(perimeter.path): Terraform's rules are for AWS, which is not the provider here")
                }
                let observed = offline ? Observation() : try await perimeter.observe().observed
                return TerraformExport(
                    declared, observed, groups: dataGroups ? .data : .resource, isStandalone: !embedded
                ).text
            }
        }
    }
}

/// What an operator should know of a plan beside its changes.
enum PerimeterNotes {
    static func warn(_ plan: Plan, _ declared: Declaration, _ observed: Observation) {
        for change in plan.changes where change.isBeyondWords && declared.provider.nftables != nil {
            Terminal.warn("warning: not brought back, as it was another hand's and not understood: \(change.summary)")
        }
        guard declared.provider.aws != nil else { return }
        for warning in QuotaWarning.warnings(plan.changes, on: observed) { Terminal.warn("warning: \(warning)") }
    }
}
