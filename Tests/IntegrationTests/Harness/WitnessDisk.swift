import Foundation
import TestSupport

/// A small file system in memory, for the witness of an edge; unmounted with the test.
final class SmallDisk: Sendable {
    let path: String

    /// Whether this machine lets the tests mount one.
    static let isPossible: Bool = {
        guard let disk = try? SmallDisk(kibibytes: 64) else { return false }
        return FileManager.default.fileExists(atPath: disk.path)
    }()

    init(kibibytes: Int) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("disk-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let outcome = try Child.run(
            "/bin/mount", ["-t", "tmpfs", "-o", "size=\(kibibytes)k", "tmpfs", path], in: "/")
        guard outcome.code == 0 else {
            try FileManager.default.removeItem(atPath: path)
            throw Failure("no tmpfs can be mounted: \(outcome.errors)")
        }
    }

    deinit {
        // Lazily: a program of the test may not be gone yet.
        _ = try? Child.run("/bin/umount", ["-l", path], in: "/")
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Takes all the room that is left.
    func fill() throws {
        // Fails when nothing fits any more, which is what is wanted.
        let outcome = try Child.run("/bin/sh", ["-c", "cat /dev/zero > filler"], in: path)
        guard outcome.code != 0 else { throw Failure("the disk was not full") }
    }

    func makeRoom() throws {
        try FileManager.default.removeItem(atPath: path + "/filler")
    }
}

/// A layer below an edge's file calls that makes its disk slow or broken (`Scenarios/fault-disk.c`).
struct FaultyDisk {
    enum Fault {
        case none
        case slow(milliseconds: Int)
        case syncFails
        case full

        var text: String {
            switch self {
            case .none: "ok"
            case .slow(let milliseconds): "sync-slow \(milliseconds)"
            case .syncFails: "sync-fails"
            case .full: "write-full"
            }
        }
    }

    /// What the edge is to be started with.
    let environment: [String: String]
    private let file: String

    init(in directory: String) throws {
        file = directory + "/fault"
        environment = ["LD_PRELOAD": try Preload.library("fault-disk", in: directory), "FAULT_FILE": file]
        try set(.none)
    }

    func set(_ fault: Fault) throws {
        try Data(fault.text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
    }
}
