import ArgumentParser
import Foundation
import Perimeter
import PerimeterNFTables

extension PerimeterCommand {
    struct Confirm: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep the new rules of this host, which would be undone otherwise.",
            discussion: """
                To be run in a session that was opened after 'apply' has changed the rules: that it could be opened shows that \
                the way in is still there. Exits with 1 when there is nothing to confirm, or it was undone before.
                """)

        @OptionGroup var perimeter: PerimeterOption
        @OptionGroup var place: TrialDirectoryOption
        @Flag(help: "Take them back instead.") var undo = false

        func run() async throws {
            guard let host = try perimeter.load().provider.nftables else {
                throw CommandFailure(
                    "\(perimeter.path): only rules of a host, with provider nftables, wait to be confirmed")
            }
            let directory = URL(fileURLWithPath: place.directory).path
            let trial = Trial(in: directory, of: try NFTablesPerimeter(host))
            guard trial.isPending else { throw CommandFailure("there is nothing to confirm: no file \(trial.path)") }
            let decision = try trial.decide(undo ? .undone : .confirmed)
            guard decision == (undo ? .undone : .confirmed) else {
                throw CommandFailure("too late: the change is \(decision?.rawValue ?? "gone")")
            }
            Terminal.print(undo ? "undone: the rules are as they were before" : "confirmed: the new rules stay")
        }
    }
}
