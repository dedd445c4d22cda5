public import CoreTypes
internal import Foundation

/// The names in /etc/hosts.
public struct HostsFile: Sendable, Equatable {
    private var entries: [String: [IPAddress]] = [:]

    /// Reads lines of an address and its names; what is not that is passed over, as every resolver does.
    public init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard let address = words.first.flatMap({ IPAddress($0) }) else { continue }
            for name in words.dropFirst() { entries[name.lowercased(), default: []].append(address) }
        }
    }

    /// Reads the system's file, which blocks; empty when there is none.
    public static func system() -> HostsFile {
        let data = FileManager.default.contents(atPath: "/etc/hosts") ?? Data()
        return HostsFile(String(decoding: data, as: UTF8.self))
    }

    public subscript(name: String) -> [IPAddress]? { entries[name.lowercased()] }
}
