import CoreTypes
import Edge
import Foundation
import Logging
import Registry
import SIPMessage
import SallyportConfiguration
import Testing
import Witness

/// A running edge with a trunk listener between a caller and a callee, and short timers.
final class Laboratory {
    let edge: Edge
    let address: Endpoint
    let caller: WirePeer
    let callee: WirePeer
    let folder: String
    let witnessDirectory: String
    private var number = 0

    static let t1 = 20

    /// - Parameters:
    ///   - targets: of the pool, in order; the callee alone if empty.
    ///   - profile: further keys of the profile.
    ///   - pool: further keys of the pool.
    ///   - more: further sections.
    init(
        targets: [String] = [], timerC: String = "180s", profile: String = "", pool: String = "probe: off",
        priorities: [Int] = [], more: String = ""
    ) async throws {
        caller = try WirePeer(host: 2)
        callee = try WirePeer(host: 3)
        folder = NSTemporaryDirectory() + "sallyport-edge-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let uris = targets.isEmpty ? ["sip:\(callee.endpoint)"] : targets
        let members = uris.enumerated().map {
            "      - {uri: \"\($1)\", priority: \(priorities.isEmpty ? $0 + 1 : priorities[$0])}"
        }.joined(separator: "\n")
        let text = """
            node: lab
            state: \(folder)/var
            domains: [edge.example]
            listeners: [{transport: udp, address: "127.0.0.1:0", profile: trunks}]
            sip: {t1: \(Self.t1)ms, t2: 80ms, t4: 50ms, timer_c: \(timerC)}
            profiles: {trunks: {source_rate: {requests: 10000, per: 10s, forget_after: 120s}\(profile)}}
            routes: [{name: lab, match: {}, to: "pool:lab"}]
            \(more)
            pools:
              lab:
                \(pool)
                targets:
            \(members)
            """
        let configuration = try Configuration.parse(text, file: folder + "/sallyport.yaml")
        let registry = RegistrySettings(path: folder + "/registry.db", actor: "test")
        try RegistryStore(registry).allow(
            .init(network: try IPNetwork(parsing: "127.0.0.0/24"), group: 2, tag: "lab"))
        witnessDirectory = folder + "/witness"
        edge = try await Edge.start(
            configuration, registry: registry,
            witness: WitnessSettings(directory: witnessDirectory, keyDirectory: folder, source: "sallyport.lab"),
            logger: Logger(label: "lab") { _ in SwiftLogNoOpLogHandler() })
        address = try #require(edge.bound.first).endpoint
    }

    func close() async {
        await edge.stop(limit: .zero)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs a test in a laboratory of its own.
    static func run(
        targets: [String] = [], timerC: String = "180s", profile: String = "", pool: String = "probe: off",
        priorities: [Int] = [],
        more: String = "", _ body: (Laboratory) async throws -> Void
    ) async throws {
        let laboratory = try await Laboratory(
            targets: targets, timerC: timerC, profile: profile, pool: pool, priorities: priorities, more: more)
        do {
            try await body(laboratory)
        } catch {
            await laboratory.close()
            throw error
        }
        await laboratory.close()
    }

    // MARK: Messages

    struct Dialog {
        var callID: String
        var branch: String
        var callerTag = "ct"
    }

    func newDialog() -> Dialog {
        number += 1
        return Dialog(callID: "call-\(number)", branch: "z9hG4bKlab\(number)")
    }

    func request(
        _ method: String = "INVITE", _ dialog: Dialog, uri: String = "sip:bob@edge.example", cSeq: Int = 1,
        branch: String? = nil, viaParameters: String = ";rport", to: String = "<sip:bob@edge.example>",
        lines: [String] = ["Max-Forwards: 70"], body: String = ""
    ) -> String {
        let head = [
            "\(method) \(uri) SIP/2.0",
            "Via: SIP/2.0/UDP \(caller.endpoint);branch=\(branch ?? dialog.branch)\(viaParameters)",
            "From: <sip:alice@edge.example>;tag=\(dialog.callerTag)", "To: \(to)", "Call-ID: \(dialog.callID)",
            "CSeq: \(cSeq) \(method)", "Contact: <sip:alice@\(caller.endpoint)>",
        ]
        return (head + lines + ["Content-Length: \(body.utf8.count)"]).joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    /// A response of the callee.
    func response(
        _ status: Int, _ reason: String, to request: Message, tag: String? = "bt", contact: String? = nil,
        lines: [String] = []
    ) -> String {
        var text = "SIP/2.0 \(status) \(reason)\r\n"
        for name in [HeaderName.via, .recordRoute] {
            for field in request.all(name) { text += "\(name.canonical): \(request.text(field.value))\r\n" }
        }
        text += "From: \(request.text(.from) ?? "")\r\nTo: \(request.text(.to) ?? "")"
        if let tag, request.toTag == nil { text += ";tag=\(tag)" }
        text += "\r\nCall-ID: \(request.callID)\r\nCSeq: \(request.text(.cSeq) ?? "")\r\n"
        text += "Contact: <\(contact ?? "sip:bob@\(callee.endpoint)")>\r\n"
        for line in lines { text += line + "\r\n" }
        return text + "Content-Length: 0\r\n\r\n"
    }

    /// Sends an INVITE and brings the call up.
    func connect() throws -> (dialog: Dialog, invite: Message, ok: Message) {
        let dialog = newDialog()
        caller.send(request("INVITE", dialog), to: address)
        let invite = try callee.request(.invite)
        callee.send(response(200, "OK", to: invite), to: address)
        let ok = try caller.response()
        caller.send(inDialog("ACK", dialog, ok, cSeq: 1), to: address)
        _ = try callee.request(.ack)
        return (dialog, invite, ok)
    }

    /// A request of the caller inside a dialog that a 200 has made.
    func inDialog(
        _ method: String, _ dialog: Dialog, _ ok: Message, cSeq: Int = 2, uri: String? = nil, routes: [String]? = nil,
        branch: String? = nil
    ) -> String {
        let recorded = ok.values(.recordRoute).map(ok.text).reversed()
        return request(
            method, dialog, uri: uri ?? "sip:bob@\(callee.endpoint)", cSeq: cSeq,
            branch: branch ?? "\(dialog.branch)\(method)\(cSeq)", to: "<sip:bob@edge.example>;tag=\(ok.toTag ?? "")",
            lines: ["Max-Forwards: 70"] + (routes ?? Array(recorded)).map { "Route: \($0)" })
    }

    /// All records of a kind, once there is one.
    func records(_ kind: String, patience: Int = 200) async throws -> [WitnessRecord] {
        for _ in 0..<patience {
            var reader = WitnessReader(directory: witnessDirectory)
            let found = try reader.tail(1000).filter { $0.kind == kind }
            if !found.isEmpty { return found }
            try await Task.sleep(for: .milliseconds(10))
        }
        return []
    }
}
