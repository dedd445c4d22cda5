import ArgumentParser
import ControlAPI
import CoreTypes
import Witness

struct CallsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calls", abstract: "The calls of the running edge.",
        discussion: "Asks the edge over the socket in its state directory, so run it as the edge's user or as root.",
        subcommands: [List.self, End.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List calls, the newest first.",
            discussion: "Of those that have ended the edge knows the latest 1,000; all are in the witness.")

        @Flag(help: "Only those that have not ended.") var active = false
        @Option(help: "How many at most.") var limit = 100
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func validate() throws {
            guard (1...1_000_000).contains(limit) else {
                throw ValidationError("--limit is a number from 1 to 1000000.")
            }
        }

        func run() async throws {
            let control = try ControlClient(configuration.load())
            var calls: [CallDocument] = []
            var before: UInt64?
            repeat {
                let page = try await control.calls(
                    CallQuery(isActive: active, before: before, limit: min(1000, limit - calls.count)))
                calls += page.calls
                before = page.next
            } while before != nil && calls.count < limit
            guard !output.isJSON else { return try output.show(documents: calls) }
            Terminal.print(calls.isEmpty ? (active ? "no calls" : "no calls yet") : Self.table(calls).text())
        }

        private static func table(_ calls: [CallDocument]) -> Table {
            var table = Table("ID", "STATE", "STARTED", "SECONDS", "FROM", "TO", "EXPERT", "HAZARD", "TRACE", "ENDED")
            for call in calls {
                let seconds = call.answeredAt == nil ? "" : String(call.durationMilliseconds / 1000)
                table.add(
                    call.id, call.state, call.startedAt, seconds, call.from, call.to, call.expertID ?? "",
                    call.hazard ?? "", call.traceID ?? "", Self.ending(call))
            }
            return table
        }

        /// `answered, by caller`, `refused 486`
        private static func ending(_ call: CallDocument) -> String {
            guard let result = call.result else { return "" }
            return result + (call.status.map { " \($0)" } ?? "") + (call.endedBy.map { ", by \($0)" } ?? "")
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a call: BYE to both sides, or CANCEL where it was not answered yet.",
            discussion: "Who asked is in the witness as ADMIN_CHANGE.")

        @Argument(help: "The call's ID, as 'calls' shows it.") var id: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() async throws {
            let call = try await ControlClient(configuration.load()).end(id)
            guard !output.isJSON else { return try output.show(document: call) }
            Terminal.print("ended \(call.id): \(JSONText.escaped(call.from)) to \(JSONText.escaped(call.to))")
        }
    }
}
