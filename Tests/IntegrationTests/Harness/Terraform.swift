import Foundation
import TestSupport

/// Terraform in a directory of its own, with providers from this machine alone.
///
/// Providers are looked for in `TF_PLUGIN_DIR`, or where Terraform itself and those who prepare machines put them. Whether
/// the one for AWS is there is found out by `terraform init`, which downloads nothing.
final class Terraform: Sendable {
    /// Why it can't be used here; nil when it can.
    static let obstacle: String? = {
        guard PeerProgram.terraform.isInstalled else { return "terraform is not installed" }
        guard !mirrors.isEmpty else {
            return
                "Terraform's providers are in none of \(places.joined(separator: ", ")): name their place with TF_PLUGIN_DIR"
        }
        do {
            _ = try Terraform(provider, environment: [:])
            return nil
        } catch {
            return "Terraform has no AWS provider in \(mirrors.joined(separator: ", ")): \(error)"
        }
    }()

    private static let places: [String] = {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["TF_PLUGIN_DIR"] { return [named] }
        let home = environment["HOME"].map { ["\($0)/.terraform.d/plugins"] } ?? []
        return ["/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins"] + home + ["/opt/tf-plugins"]
    }()
    private static var mirrors: [String] { places.filter(FileManager.default.fileExists(atPath:)) }

    private static let provider = """
        terraform {
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              version = ">= 5.0"
            }
          }
        }

        """

    private let directory: String
    private let environment: [String: String]

    /// Writes the files and prepares the directory.
    /// - Parameter text: of `main.tf`, which says which providers it needs.
    init(_ text: String, environment: [String: String]) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("terraform-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        self.environment = environment.merging([
            "TF_CLI_CONFIG_FILE": directory + "/terraform.rc", "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1",
            "TF_DATA_DIR": directory + "/.terraform",
        ]) { $1 }
        let mirrors = Self.mirrors.map { "  filesystem_mirror {\n    path = \"\($0)\"\n  }\n" }.joined()
        try write("terraform.rc", "provider_installation {\n\(mirrors)}\n")
        try write("main.tf", text)
        // What AWS itself does, moto can't all do.
        try write(
            "override.tf",
            """
            provider "aws" {
              region                      = "us-east-1"
              skip_credentials_validation = true
              skip_metadata_api_check     = true
              skip_region_validation      = true
              s3_use_path_style           = true
            }

            """)
        try run("init")
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
    }

    /// Runs it to its end.
    /// - Throws: when it exits with none of these codes.
    @discardableResult
    func run(_ arguments: String..., exits codes: Set<Int32> = [0]) throws -> Outcome {
        let outcome = try Child.run(
            PeerProgram.terraform.require(), [arguments[0], "-no-color"] + arguments.dropFirst(), in: directory,
            environment: environment)
        guard codes.contains(outcome.code) else {
            throw Failure(
                "terraform \(arguments) exits with \(outcome.code): \(outcome.errors)\(outcome.output.suffix(4000))")
        }
        return outcome
    }

    /// What its configuration gives as an output named `names`.
    func names() throws -> [String: String] {
        guard let names = try run("output", "-json", "names").json as? [String: String] else {
            throw Failure("terraform tells no names")
        }
        return names
    }
}
