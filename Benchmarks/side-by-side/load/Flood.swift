import CLoad
import Glibc

/// Datagrams at a steady rate, from one address or many, whose answers nobody waits for.
final class Flood {
    private let descriptor: Int32
    private let target: Endpoint
    private let rate: Double
    private let sources: Int
    private let source: UInt32
    private let messages: UnsafeMutablePointer<UInt8>
    private let lengths: [Int]
    private var datagrams = [load_datagram](repeating: load_datagram(), count: load_batch)
    /// 127.66.0.1: an address that is not allowed.
    static let strangers: UInt32 = 0x7f42_0001
    private static let variants = 64
    private(set) var sent = 0
    private(set) var refused = 0

    init(_ plan: Plan, _ templates: Templates) throws {
        target = plan.target
        rate = plan.floodRate
        sources = plan.floodSources
        // The only source of a drop load is allowed; those of a flood beside calls are strangers from 127.66.0.0 on.
        source = plan.work == .drop ? plan.source : Self.strangers
        // A small buffer: answers that come are thrown away by the kernel.
        descriptor = try Sockets.datagrams(
            from: Endpoint(address: sources > 1 ? 0 : source, port: 0), to: nil, receiveBuffer: 4096)
        messages = .allocate(capacity: Self.variants * Line.messageBytes)
        var lengths: [Int] = []
        for index in 0..<Self.variants {
            var writer = Writer(messages + index * Line.messageBytes)
            templates.invite.write(to: &writer, CallNumber(serial: UInt32(index), slot: 0xffff_ffff))
            lengths.append(writer.count)
        }
        self.lengths = lengths
    }

    /// Sends what is due so long after the start.
    func sendDue(_ elapsed: UInt64) {
        var due = Int(Double(elapsed) / 1e9 * rate) - sent - refused
        // So that calls get their turn where the load can't keep up.
        due = min(due, 1024)
        while due > 0 {
            let count = min(due, datagrams.count)
            for index in 0..<count {
                let number = sent + index
                let variant = number % Self.variants
                let address = source &+ UInt32(number % sources)
                datagrams[index] = load_datagram(
                    bytes: messages + variant * Line.messageBytes, length: UInt32(lengths[variant]),
                    source: sources > 1 ? address.bigEndian : 0)
            }
            let result = load_send_to(
                descriptor, datagrams, Int32(count), target.address.bigEndian, target.port.bigEndian)
            if result > 0 {
                sent += Int(result)
                due -= Int(result)
            } else {
                refused += count
                due -= count
            }
        }
    }
}
