import Foundation

/// What tells one state of some files from another, without reading them.
struct FileMarks: Sendable {
    struct Mark: Equatable, Sendable {
        var device: Int
        var inode: Int
        var size: Int
        var changed: Date
    }

    private let paths: [String]

    init(_ paths: [String]) {
        self.paths = paths
    }

    /// Nil for a file that is not there. Follows symbolic links.
    func read() -> [Mark?] {
        paths.map { path in
            let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            // A file that can't be looked at is one that is not there; who reads it says why.
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: target),
                let device = attributes[.systemNumber] as? Int, let inode = attributes[.systemFileNumber] as? Int,
                let size = attributes[.size] as? Int, let changed = attributes[.modificationDate] as? Date
            else { return nil }
            return Mark(device: device, inode: inode, size: size, changed: changed)
        }
    }
}
