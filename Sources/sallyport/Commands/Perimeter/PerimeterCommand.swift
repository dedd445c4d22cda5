import ArgumentParser
import CoreTypes
import Foundation
import Perimeter
import PerimeterAWS
import PerimeterNFTables
import Witness

struct PerimeterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "perimeter", abstract: "The firewall rules around the system: declare, audit, change, verify.",
        discussion: """
            What may reach what stands in perimeter.yaml. Where the rules are in force, in AWS or on this host, is its \
            'provider'. Credentials of AWS are found as its own tools find them.
            """,
        subcommands: [
            Audit.self, Plan.self, Apply.self, Confirm.self, AdminIP.self, Verify.self, Export.self, Cost.self,
            WatchTrial.self,
        ])
}

/// `--file`, for every command about the perimeter.
struct PerimeterOption: ParsableArguments {
    @Option(
        name: .customLong("file"),
        help: ArgumentHelp("The perimeter file.", valueName: "file"), completion: .file(extensions: ["yaml", "yml"]))
    var path = "perimeter.yaml"

    func load() throws -> Declaration {
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure("\(path) is not there: name the perimeter file with --file")
        }
        return try Declaration.load(path: path)
    }

    /// What is declared and what is there.
    func observe() async throws -> (declared: Declaration, observed: Observation) {
        let declared = try load()
        return (declared, try await declared.withBackend { try await $0.observe(declared) })
    }
}

extension Declaration {
    /// Where the rules are in force, for as long as the body runs.
    func withBackend<Value: Sendable>(
        _ body: (any PerimeterBackend) async throws -> Value
    ) async throws -> Value {
        let backend = try backend()
        let value: Value
        do {
            value = try await body(backend)
        } catch {
            // What was asked first has failed, and says more than that.
            try? await backend.close()
            throw error
        }
        try await backend.close()
        return value
    }

    private func backend() throws -> any PerimeterBackend {
        if let aws = provider.aws { return try AWSPerimeter(aws) }
        if let host = provider.nftables { return try NFTablesPerimeter(host) }
        throw CommandFailure("provider: there is none that can be asked")
    }
}

extension CalendarDate {
    static var today: CalendarDate { CalendarDate(millisecondsSince1970: SystemClock.now().wall) }
}

/// Writes a file that stands complete under its name or not at all.
func writeWhole(_ text: String, to path: String) throws {
    do {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
        throw CommandFailure("\(path) can't be written: \(error.localizedDescription)")
    }
}

/// Reads a text file as a whole.
func readWhole(_ path: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: path) else { throw CommandFailure("\(path) can't be read") }
    return String(decoding: data, as: UTF8.self)
}
