package import SettingsFile

/// All that an operator can say about an edge: one file, read and checked as a whole.
///
/// A plain value: nothing here is looked up later, so a snapshot can be handed to every event loop. `init()` gives the
/// defaults; `load(path:)` and `parse(_:file:)` read a file over them.
public struct Configuration: Sendable, Equatable {
    /// The file that this came from, as an absolute path; empty for the defaults. Relative paths start in its directory.
    public var file = ""
    /// Name in events and in their `source`: `sallyport.edge-1`.
    public var node = "edge-1"
    /// Directory of everything the edge writes, as written in the file: see `stateDirectory`.
    public var state = "./var"
    /// The key of nonces and dialog cookies, which all nodes must share; nil: one of this node's own, in `state`.
    public var nodeSecret: SecretReference?
    /// Host names in lower case that this edge answers for.
    public var domains: [String] = []
    /// Never empty: without any in the file there is one for TLS, and plain SIP is not opened.
    public var listeners: [Listener] = [.standard]
    public var advertise = Advertise()
    public var tls = TLS()
    public var database = DatabaseLocation.sqlite(path: "sallyport.db")
    public var databasePassword: SecretReference?
    public var sharedState = SharedStateLocation.memory
    public var sharedStatePassword: SecretReference?
    public var limits = Limits()
    public var resolver = Resolver()
    /// By name; the built-in `experts` and `trunks` are always among them.
    public var profiles: [String: Profile] = ["experts": .experts, "trunks": .trunks]
    /// In the order they are tried.
    public var routes: [Route] = [.experts, .bridge]
    public var pools: [String: Pool] = [:]
    public var witness = Witness()
    public var control = Control()
    public var bans = Bans()
    public var logging = Logging()
    public var sip = SIPTimers()

    public init() {}

    /// What runs when there is no file.
    public static let embeddedDefaults = Configuration()
}

extension Configuration: Section {
    package mutating func fill(_ form: Form) {
        form.value("node", &node, .name)
        form.value("state", &state, .path)
        form.optional("node_secret", &nodeSecret, .secret)
        form.list("domains", &domains, .host)
        form.sections("listeners", &listeners, blank: .standard)
        form.section("advertise", &advertise)
        form.section("tls", &tls)
        form.value("database", &database, .database)
        form.optional("database_password", &databasePassword, .secret)
        form.value("shared_state", &sharedState, .sharedState)
        form.optional("shared_state_password", &sharedStatePassword, .secret)
        form.section("limits", &limits)
        form.section("resolver", &resolver)
        form.table("profiles", &profiles) { name, like in
            Profile.BuiltIn(rawValue: like ?? name)?.profile ?? .experts
        }
        form.sections("routes", &routes, blank: Route())
        form.table("pools", &pools) { _, _ in Pool() }
        form.section("witness", &witness)
        form.section("control", &control)
        form.section("bans", &bans)
        form.section("logging", &logging)
        form.section("sip", &sip)
    }
}
