internal import CoreTypes
internal import Perimeter

/// What every host's ruleset begins with, whatever is declared: who is banned stays out, what was let in goes on, and the
/// messages without which IP does not work get through.
enum HostRules {
    struct Line: Hashable, Sendable {
        let conditions: Conditions
        let verdict: Verdict
        let why: String
    }

    enum Verdict: String, Hashable, Sendable {
        case accept
        case drop
    }

    static let chain = "input"
    static let priority = 0
    /// Sets that others fill; their elements and the time that is left to them outlive every change.
    static let bannedSets = [(name: "banned4", type: "ipv4_addr"), (name: "banned6", type: "ipv6_addr")]

    static let lines = [
        line(.accept, "the host itself") { $0.interface = "lo" },
        line(.drop, "banned") {
            $0.family = .v4
            $0.sourceSet = "banned4"
        },
        line(.drop, "banned") {
            $0.family = .v6
            $0.sourceSet = "banned6"
        },
        line(.accept, "what was let in goes on") { $0.states = [.established, .related] },
        line(.drop, "belongs to nothing") { $0.states = [.invalid] },
        // RFC 792: unreachable (with fragmentation needed), time exceeded, parameter problem.
        line(.accept, "errors of ICMP") {
            $0.family = .v4
            $0.protocols = [.icmp]
            $0.types = [3, 11, 12]
        },
        line(.accept, "ping") {
            $0.family = .v4
            $0.protocols = [.icmp]
            $0.types = [8]
            $0.limit = echoes
        },
        // RFC 4890 section 4.4.1: unreachable, packet too big, time exceeded, parameter problem.
        line(.accept, "errors of ICMPv6") {
            $0.family = .v6
            $0.protocols = [.icmpv6]
            $0.types = [1, 2, 3, 4]
        },
        // RFC 4861 section 7.1: only from the same link, which the hop limit shows.
        line(.accept, "neighbor discovery") {
            $0.family = .v6
            $0.protocols = [.icmpv6]
            $0.types = [133, 134, 135, 136, 137]
            $0.hopLimit = 255
        },
        // RFC 2710, RFC 3810: without them a switch that listens in stops handing multicast on, neighbor discovery too.
        line(.accept, "multicast listeners") {
            $0.family = .v6
            $0.sources = IPNetwork(IPAddress(v6High: 0xfe80 << 48, low: 0), prefixLength: 10).map { [$0] } ?? []
            $0.protocols = [.icmpv6]
            $0.types = [130, 131, 132, 143]
        },
        line(.accept, "ping") {
            $0.family = .v6
            $0.protocols = [.icmpv6]
            $0.types = [128]
            $0.limit = echoes
        },
    ]

    private static let echoes = Conditions.Limit(rate: 20, per: "second", burst: 40)

    private static func line(_ verdict: Verdict, _ why: String, _ fill: (inout Conditions) -> Void) -> Line {
        var conditions = Conditions()
        fill(&conditions)
        return Line(conditions: conditions, verdict: verdict, why: why)
    }
}
