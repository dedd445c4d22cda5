import SallyportConfiguration
import CoreTypes
import Foundation
import Registry
import Witness

/// What the rooms need to know, taken from the configuration.
extension Configuration {
    /// The realm that passwords are hashed for: that of the `experts` profile, or else of the first that authenticates.
    var realm: String? {
        profiles["experts"]?.authentication?.realm
            ?? profiles.sorted { $0.key < $1.key }.lazy.compactMap { $0.value.authentication?.realm }.first
    }

    /// - Throws: when the database is one that this version can't use.
    func registrySettings() throws -> RegistrySettings {
        guard let path = databasePath else {
            throw CommandFailure("database: this version keeps the registry in SQLite only: write sqlite:FILE")
        }
        return RegistrySettings(path: path, realm: realm, actor: Self.actor)
    }

    var witnessSettings: WitnessSettings {
        var settings = WitnessSettings(
            directory: witnessDirectory, keyDirectory: stateDirectory, source: "sallyport.\(node)")
        settings.durability =
            switch witness.durability {
            case .sync: .sync
            case .group: .group
            case .async: .async
            }
        settings.checkpointRecords = witness.checkpoint.records
        settings.checkpointInterval = witness.checkpoint.every
        settings.rotateBytes = witness.rotate.bytes
        settings.rotateInterval = witness.rotate.every
        settings.keep = witness.keep
        settings.keepUnsent = witness.keepUnsent
        settings.forwarders = witness.forward.map(\.name)
        return settings
    }

    /// Who runs this program: the operating system's user, and who became it.
    private static var actor: String {
        let user = NSUserName()
        guard let former = ProcessInfo.processInfo.environment["SUDO_USER"], former != user else { return user }
        return "\(former) (as \(user))"
    }
}

extension ConfigurationOption {
    /// - Parameter create: make the database when it is missing; what only looks must not, since it may be run by a
    ///   user whose file the edge could not write.
    func openRegistry(create: Bool = false) throws -> RegistryStore {
        try RegistryStore(try load().registrySettings(), create: create)
    }
}

/// Milliseconds since 1970 as RFC 3339.
func timestamp(_ milliseconds: Int64?) -> String? {
    milliseconds.map { CivilTime(millisecondsSince1970: $0).rfc3339 }
}
