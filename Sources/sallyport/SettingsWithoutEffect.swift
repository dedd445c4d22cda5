import CoreTypes
import SallyportConfiguration

/// Settings that the file may hold but that this version does not carry out. What would make an operator believe in a
/// protection that is not there stops the start; the rest is said.
struct SettingsWithoutEffect {
    /// Each names its key and what to do.
    private(set) var errors: [String] = []
    private(set) var warnings: [String] = []

    init(_ configuration: Configuration) {
        let standard = Configuration.embeddedDefaults
        func refuse(_ isSet: Bool, _ key: String, _ mend: String) {
            if isSet { errors.append("\(key): this version does not carry it out; \(mend)") }
        }
        func warn(_ isSet: Bool, _ key: String) {
            if isSet { warnings.append("\(key) has no effect in this version") }
        }
        refuse(
            configuration.control.tls == nil && !configuration.control.listen.address.isLoopback,
            "control.listen on \(configuration.control.listen)",
            "without control.tls it must be a loopback address")
        refuse(configuration.sharedState != .memory, "shared_state", "write memory")
        refuse(configuration.bans.kernel != .off, "bans.kernel", "write off")
        warn(configuration.bans.jails != standard.bans.jails, "bans.jails")
    }
}
