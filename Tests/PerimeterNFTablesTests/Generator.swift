import CoreTypes
import Perimeter

/// SplitMix64: the same numbers for the same seed.
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Of a few networks and ports, so that they overlap and stand side by side often.
    mutating func rule() -> Rule? {
        let transports: [TransportProtocol] = [.tcp, .udp, .icmp, .icmpv6, .other(47), .other(0), .all, .tcp, .udp]
        let transport = transports[Int.random(in: 0..<transports.count, using: &self)]
        let ports: PortRange
        switch transport {
        case .icmp, .icmpv6:
            let types = [-1, 0, 8, 128, 255]
            let type = types[Int.random(in: 0..<types.count, using: &self)]
            let code = Bool.random(using: &self) ? -1 : Int.random(in: 0...3, using: &self)
            ports = PortRange(icmpType: type, code: code) ?? .all
        default:
            let from = UInt16.random(in: 0...40, using: &self)
            ports =
                Int.random(in: 0..<8, using: &self) == 0
                ? .all : PortRange(from...from + UInt16.random(in: 0...5, using: &self))
        }
        return network().map { Rule(protocol: transport, ports: ports, source: .network($0)) }
    }

    private mutating func network() -> IPNetwork? {
        let isIPv4 = Bool.random(using: &self)
        let lengths = isIPv4 ? [0, 1, 8, 23, 24, 30, 31, 32] : [0, 3, 32, 64, 126, 127, 128]
        let length = lengths[Int.random(in: 0..<lengths.count, using: &self)]
        let low = UInt64.random(in: 0...9, using: &self)
        let address =
            isIPv4
            ? IPAddress(v4: 0xc000_0200 + UInt32(low)) : IPAddress(v6High: 0x2001_0db8_0000_0000 + low / 4, low: low)
        return IPNetwork(address, prefixLength: length)
    }
}
