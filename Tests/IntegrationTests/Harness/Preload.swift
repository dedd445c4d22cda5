import Foundation
import TestSupport

/// Layers below a program that is under test, made of C sources in `Scenarios` and loaded by LD_PRELOAD.
enum Preload {
    private static let compilers = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"]
    static var compiler: String? { compilers.first { FileManager.default.isExecutableFile(atPath: $0) } }

    /// - Parameter directory: where the library goes.
    /// - Returns: its path.
    static func library(_ name: String, in directory: String) throws -> String {
        guard let compiler else { throw Failure("there is no C compiler") }
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Scenarios/\(name).c").path
        let library = "\(directory)/\(name).so"
        let outcome = try Child.run(
            compiler, ["-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], in: directory)
        guard outcome.code == 0 else { throw Failure("\(source) can't be compiled: \(outcome.errors)") }
        return library
    }
}

/// Counts how often an edge asks for memory (`Scenarios/count-allocations.c`).
struct AllocationCount {
    /// What the edge is to be started with.
    let environment: [String: String]
    private let file: String

    init(in directory: String) throws {
        file = directory + "/allocations"
        environment = [
            "LD_PRELOAD": try Preload.library("count-allocations", in: directory), "ALLOCATIONS_FILE": file,
        ]
    }

    /// How often so far.
    func read() throws -> Int {
        let content = try Data(contentsOf: URL(fileURLWithPath: file))
        guard content.count == MemoryLayout<UInt64>.size else { throw Failure("\(file) holds no count") }
        return Int(content.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    }
}
