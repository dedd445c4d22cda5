import CoreTypes
import Crypto
import Edge
import Foundation
import Logging
import Registry
import SIPMessage
import SallyportConfiguration
import TransportSecurity
import UserAgent
import Witness

/// Everything that the demonstration runs on: a folder of its own, certificates, a registry with the three sample
/// experts, an edge with the defaults, and phones that answer.
struct DemoStage {
    struct Person {
        var address: String
        var uri: URI
        var name: String
        var organization: String
        var specializations: [String]
        var password: String
        var key: Curve25519.Signing.PrivateKey

        var username: String { String(address.prefix { $0 != "@" }) }
    }

    static let domain = "external.advisor"
    /// What the allowlist lets in, and an address beside it.
    static let network = "127.0.0.0/28"
    static let stranger = IPAddress(v4: 0x7f00_0042)

    let folder: String
    let configuration: Configuration
    let experts: [Person]
    let edge: Edge
    /// Answers for the experts, and for the H.323 gateway.
    let expertPhone: AnsweringPhone
    let gateway: AnsweringPhone
    let clientTLS: TLSContext
    let secureEndpoint: Endpoint
    let plainEndpoint: Endpoint

    var ethics: Person { experts[1] }
    var safety: Person { experts[0] }
    var security: Person { experts[2] }

    static func set(logger: Logger) async throws -> DemoStage {
        let folder = NSTemporaryDirectory() + "sallyport-demo-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let now = SystemClock.now().wall
        let certificates = try DevelopmentCertificates.issue(
            into: folder + "/tls", names: ["localhost", "127.0.0.1", "::1", domain], now: now)
        let expertPhone = try await AnsweringPhone(on: [(.udp, Self.local(0))])
        let gateway = try await AnsweringPhone(on: [(.udp, Self.local(0))])
        let ports = (tls: Self.free(5061, .tcp), udp: Self.free(5060, .udp), control: Self.free(3000, .tcp))
        let file = folder + "/sallyport.yaml"
        try configurationText(ports, gateway: gateway.endpoints[0]).write(
            toFile: file, atomically: true, encoding: .utf8)
        let configuration = try Configuration.load(path: file)
        let experts = try register(configuration, phone: expertPhone.endpoints[0])
        let edge = try await Edge.start(
            configuration, registry: try configuration.registrySettings(), witness: configuration.witnessSettings,
            logger: logger)
        let bound = Dictionary(grouping: edge.bound, by: \.listener.transport).mapValues { $0[0].endpoint }
        guard let secure = bound[.tls], let plain = bound[.udp] else {
            throw CommandFailure("the edge did not open its listeners")
        }
        return DemoStage(
            folder: folder, configuration: configuration, experts: experts, edge: edge, expertPhone: expertPhone,
            gateway: gateway,
            clientTLS: try ClientTLS.context(trust: certificates.authority, clock: { now }),
            secureEndpoint: secure, plainEndpoint: plain)
    }

    func strike() async {
        await edge.stop(limit: .seconds(2))
        await expertPhone.shutdown()
        await gateway.shutdown()
    }

    /// Everything that is not said here is a default.
    private static func configurationText(
        _ ports: (tls: UInt16, udp: UInt16, control: UInt16), gateway: Endpoint
    ) -> String {
        """
        # Written by 'sallyport demo'. What is not said here is a default.
        node: demo
        state: ./var
        domains: [\(domain)]
        listeners:
          - {transport: tls, address: "127.0.0.1:\(ports.tls)", profile: experts}
          - {transport: udp, address: "127.0.0.1:\(ports.udp)", profile: experts}   # to show plain SIP refused
        tls: {certificate: tls/server.pem, key: tls/server-key.pem, trust: tls/ca.pem}
        control: {listen: "127.0.0.1:\(ports.control)"}
        routes:
          - {name: experts, match: {user: "expert-*", domain: \(domain)}, to: registry}
          - {name: bridge, match: {}, to: "sip:h323-gateway@\(gateway)", bridge: true}

        """
    }

    private static func register(_ configuration: Configuration, phone: Endpoint) throws -> [Person] {
        let people: [(String, String, [String])] = [
            ("expert-safety", "Safety Advisor", ["safety", "alignment"]),
            ("expert-ethics", "Ethics Advisor", ["ethics", "bias"]),
            ("expert-security", "Security Advisor", ["security", "privacy"]),
        ]
        let store = try RegistryStore(try configuration.registrySettings())
        try store.allow(.init(network: try IPNetwork(parsing: network), group: 1, tag: "demo-advisors"))
        return try people.map { username, name, specializations in
            guard let uri = URI("sip:\(username)@\(domain)") else {
                throw CommandFailure("'\(username)' can't be called")
            }
            let person = Person(
                address: "\(username)@\(domain)", uri: uri, name: name, organization: "External Advisors",
                specializations: specializations, password: randomWord(), key: .init())
            try store.addSubscriber(person.address, password: person.password)
            try store.addExpert(
                .init(
                    id: person.address, name: name, organization: person.organization,
                    specializations: specializations, isVerified: true, contact: "sip:\(username)@\(phone)",
                    keys: []))
            try store.addKey(
                .init(id: "demo", publicKey: Array(person.key.publicKey.rawRepresentation)), to: person.address)
            return person
        }
    }

    private static func randomWord() -> String {
        var generator = SystemRandomNumberGenerator()
        return String(generator.next(), radix: 36)
    }

    private static func local(_ port: UInt16) -> Endpoint { Endpoint(IPAddress(v4: 0x7f00_0001), port: port) }

    /// The usual port if nobody has it, else any.
    private static func free(_ port: UInt16, _ transport: TransportKind) -> UInt16 {
        PortProbe.isFree(local(port), transport) ? port : PortProbe.anyFree(transport)
    }
}
