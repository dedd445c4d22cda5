internal import CDatagrams
public import CoreTypes
internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Several layers, each on a loop of its own, that listen on the same addresses (SO_REUSEPORT).
///
/// The kernel is told to choose among them by the source address, the same way as `share(of:)` does: all packets and
/// connections of one source come to one layer. It gives them to another one only while sockets are bound, and after
/// one has failed and been bound again; who counts by source has to look at `share(of:)`.
public struct PortSharing: Sendable, Hashable {
    /// This layer's place among them, from 0.
    public let index: Int
    public let count: Int

    /// One layer alone.
    public static let alone = PortSharing(index: 0, of: 1)

    /// - Parameter count: at most 64, as a flow's number has room for.
    public init(index: Int, of count: Int) {
        precondition((1...64).contains(count) && (0..<count).contains(index))
        self.index = index
        self.count = count
    }

    public var isLead: Bool { index == 0 }
    /// As it stands in what others send back.
    public var number: UInt8 { UInt8(index) }

    /// The layer that a source's packets come to. An IPv6 /64 stays together.
    public func share(of source: IPAddress) -> Int {
        let number = source.family == .v4 ? source.low : source.high
        return Int(
            sp_share(
                UInt32(truncatingIfNeeded: number >> 32), UInt32(truncatingIfNeeded: number), UInt32(count)))
    }

    /// Throws where another program has the port: a socket that shares it would go halves with one that does the same.
    /// To be called by the first layer, before it binds.
    func claim(_ transport: TransportKind, _ endpoint: Endpoint, isV6Only: Bool) throws {
        guard count > 1, isLead, endpoint.port != 0 else { return }
        let kind = transport == .udp ? SOCK_DGRAM : SOCK_STREAM
        let failure = endpoint.withRaw(family: endpoint.address.family) { address, length in
            Int(sp_claim(CInt(kind.rawValue), address, length, isV6Only ? 1 : 0))
        }
        if failure != 0 { throw IOError(errnoCode: CInt(failure), reason: "bind") }
    }

    /// To be called for each bound socket, in the order of the layers.
    func steer(_ channel: any Channel) throws {
        guard count > 1 else { return }
        let failure = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { descriptor -> CInt? in
            sp_steer(descriptor, UInt32(count)) == 0 ? nil : errno
        }
        if let failure, let failure { throw IOError(errnoCode: failure, reason: "SO_ATTACH_REUSEPORT_CBPF") }
    }
}
