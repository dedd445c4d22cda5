import CoreTypes
import SIPMessage
import TestSupport
import UserAgent

/// Calls that tests place themselves, where no other program is the point.
enum Calls {
    /// Places one call by UDP and sees it through.
    /// - Parameters:
    ///   - user: a subscriber and their password; nil: nobody.
    static func place(
        to edge: Endpoint, target: String = "sip:anyone@external.advisor", as user: (name: String, password: String)?,
        domain: String = "external.advisor"
    ) async throws -> CallReport {
        guard let target = URI(target), let from = URI("sip:\(user?.name ?? "nobody")@\(domain)") else {
            throw Failure("\(target) or \(domain) is no part of a URI")
        }
        let caller = try await Caller()
        var plan = CallPlan(target: target, remote: edge, transport: .udp, from: from)
        plan.username = user?.name
        plan.password = user?.password
        plan.hold = .milliseconds(20)
        let report = await caller.place(plan)
        await caller.shutdown()
        return report
    }

    /// A phone on a free port of loopback that answers at once.
    static func answeringPhone(_ transport: TransportKind = .udp) async throws -> AnsweringPhone {
        try await AnsweringPhone(
            on: [(transport, Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))], manner: .init(ringsFor: nil))
    }
}
