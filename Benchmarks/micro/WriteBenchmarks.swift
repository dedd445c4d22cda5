import CoreTypes
import SIPMessage
import SIPProxy

/// Writing what leaves.
enum WriteBenchmarks {
    static func all() throws -> [Benchmark] {
        let invite = try Message(parsing: Messages.invite())
        let route = "<sip:sp1-0011223344556677@\(Messages.edge);transport=udp;lr>"
        let bye = try Message(parsing: Messages.bye(routes: [route]))
        return [
            Benchmark("write.forwarded-invite") { number in
                var forwarded = ForwardedRequest(source: Messages.caller)
                forwarded.realm = Messages.realm
                forwarded.requestURI = "sip:council@203.0.113.9:5070"
                forwarded.dropsAllRoutes = true
                forwarded.recordRoutes = [route]
                return forwarded.octets(of: invite, via: via(number)).count > invite.bytes.count
            },
            Benchmark("write.forwarded-bye") { number in
                var forwarded = ForwardedRequest(source: Messages.caller)
                forwarded.realm = Messages.realm
                forwarded.routesToDrop = 1
                return forwarded.octets(of: bye, via: via(number)).count > bye.bytes.count - route.utf8.count
            },
            response("write.refusal", to: invite, ResponseDraft(403, "IP Not Allowlisted", toTag: 7)),
            response(
                "write.challenge", to: invite,
                ResponseDraft(
                    401, "Unauthorized", toTag: 7,
                    fields: [("WWW-Authenticate", "Digest realm=\"\(Messages.realm)\", nonce=\"00\", qop=\"auth\"")])),
        ]
    }

    /// Into the same memory again and again, as answers without a transaction are.
    private static func response(_ name: String, to request: Message, _ draft: ResponseDraft) -> Benchmark {
        var octets: [UInt8] = []
        return Benchmark(name) { _ in
            octets.removeAll(keepingCapacity: true)
            request.replyFields.write(draft, source: Messages.caller, to: &octets)
            return octets.count > 200
        }
    }

    private static func via(_ number: Int) -> [UInt8] {
        var via: [UInt8] = []
        via.reserveCapacity(96)
        via.append("SIP/2.0/UDP 198.51.100.1:5060;rport;branch=")
        Branch(shard: 0, unique: UInt64(number), loop: 2).append(to: &via)
        return via
    }
}
