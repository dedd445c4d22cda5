public import CoreTypes
package import SettingsFile

extension Configuration {
    /// How names are looked up.
    public struct Resolver: Sendable, Equatable {
        public enum LoopbackAnswers: String, Sendable, CaseIterable {
            case refuse
            case accept
        }

        /// Empty: those of the system.
        public var servers: [Endpoint] = []
        /// Of one try with one server.
        public var timeout = Duration.seconds(2)
        public var tries = 2
        /// Whether addresses of this machine alone are taken from name servers.
        public var loopbackAnswers = LoopbackAnswers.refuse

        public init() {}
    }
}

extension Configuration.Resolver: Section {
    package mutating func fill(_ form: Form) {
        form.list("servers", &servers, .nameServer)
        form.value("timeout", &timeout, .duration(.milliseconds(100) ... .seconds(30)))
        form.value("tries", &tries, .integer(1...10))
        form.value("loopback_answers", &loopbackAnswers, .choice())
        for (index, server) in servers.enumerated() where server.port == 0 || server.address.isUnspecified {
            form.complain("servers[\(index)]", "nobody can be asked at \(server)", mend: "name the server's address")
        }
    }
}

extension Notation where Value == Endpoint {
    /// An address, with a port where that is not 53.
    static var nameServer: Notation {
        Notation("an address such as 192.0.2.53, \"192.0.2.53:5353\" or \"[2001:db8::53]:53\"", write: \.description) {
            text in
            if let endpoint = Endpoint(text) { return .success(endpoint) }
            if let address = IPAddress(text) { return .success(Endpoint(address, port: 53)) }
            return .failure(Complaint(what: "'\(text.prefix(80))' is not the address of a name server"))
        }
    }
}
