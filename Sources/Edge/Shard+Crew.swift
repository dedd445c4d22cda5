import CoreTypes
import Defense
import NIOCore
import SIPMessage
import SIPProxy
import Synchronization
import Telemetry
import Transport

/// A shard as others see it.
struct ShardHandle: Sendable {
    let inbox = ParcelInbox()
    let loop: any EventLoop
    let shard: NIOLoopBound<Shard>

    func submit<Result: Sendable>(_ body: @escaping @Sendable (Shard) -> Result) async throws -> Result {
        let shard = shard
        return try await loop.submit { body(shard.value) }.get()
    }

    func execute(_ body: @escaping @Sendable (Shard) -> Void) {
        let shard = shard
        loop.execute { body(shard.value) }
    }
}

/// What has been handed to a shard and is not dealt with yet.
final class ParcelInbox: Sendable {
    private struct State {
        var parcels: [Parcel] = []
        var isLookedAt = false

        mutating func take() -> [Parcel] {
            defer { parcels = [] }
            return parcels
        }
    }

    private let state = Mutex(State())
    /// Read without waiting for anybody.
    private let waiting = Atomic<Int>(0)

    /// Octets of the messages that wait.
    var size: Int { waiting.load(ordering: .relaxed) }

    /// - Returns: whether the shard has to be told.
    func put(_ batch: [Parcel]) -> Bool {
        state.withLock { state in
            let wasEmpty = state.parcels.isEmpty
            state.parcels += batch
            waiting.add(batch.reduce(0) { $0 + $1.size }, ordering: .relaxed)
            return wasEmpty && !state.isLookedAt
        }
    }

    func take() -> [Parcel] {
        state.withLock { state in
            waiting.store(0, ordering: .relaxed)
            return state.take()
        }
    }

    /// While the shard looks at its sockets at intervals it looks here, too, and need not be told.
    /// - Returns: what nobody would look at any more.
    func looking(_ isOn: Bool) -> [Parcel] {
        state.withLock { state in
            state.isLookedAt = isOn
            guard !isOn else { return [] }
            waiting.store(0, ordering: .relaxed)
            return state.take()
        }
    }
}

/// What one shard hands to another, by value.
enum Parcel: Sendable {
    case message([UInt8], Flow)
    /// A request that claims to be of a dialog and is not: for the shard that counts for its source.
    case stray([UInt8], Flow)
    /// To be sent on a connection of that shard's.
    case octets([UInt8], FlowID)

    var size: Int {
        switch self {
        case .message(let octets, _), .stray(let octets, _), .octets(let octets, _): octets.count
        }
    }
}

/// Which shard a message belongs to, and how it comes there.
///
/// A new request belongs to the shard of its source, which the kernel has mostly given it to; a response, and a request
/// in a dialog, to the one whose number stands in its branch or cookie. That is read here without parsing the message;
/// a shard that finds later that it was misled hands the message on once.
extension Shard {
    /// Where messages of so many octets wait for a shard, more are dropped, as by a full receive buffer.
    private static let mostWaiting = 4 << 20

    /// The other shard that a message belongs to; nil: this one.
    func otherOwner(of octets: UnsafeRawBufferPointer, on flow: Flow, now: Moment) -> Int? {
        guard place.count > 1 else { return nil }
        if octets.starts(with: Self.response) {
            return octets.offset(of: "z9hG").flatMap { other(Self.shard(in: octets, at: $0 + 7)) }
        }
        if let cookie = octets.offset(of: DialogCookie.prefix) { return other(Self.shard(in: octets, at: cookie + 4)) }
        let share = place.share(of: flow.remote.address)
        if share != place.index { return share }
        // What layer 1 refuses is refused here, where all of its source is counted, and once.
        guard let round = shardOfSpiral(octets), let entrance = entrance(of: flow),
            entrance.passage.hasRoom(for: flow.remote.address, now: now)
        else { return nil }
        _ = entrance.passage.arrived(from: flow.remote.address, now: now)
        return round
    }

    private static let response = Array("SIP/2.0 ".utf8)

    private func other(_ shard: Int?) -> Int? {
        guard let shard, shard != place.index, shard < place.count else { return nil }
        return shard
    }

    /// The number of a shard that stands in a branch or cookie.
    private static func shard(in octets: UnsafeRawBufferPointer, at start: Int) -> Int? {
        guard start + 2 <= octets.count else { return nil }
        return Hexadecimal.octet(octets[start], octets[start + 1]).map(Int.init)
    }

    /// The other shard that a new request has been forwarded by before, as a Via below its sender's tells.
    private func shardOfSpiral(_ octets: UnsafeRawBufferPointer) -> Int? {
        var start = 0
        while let found = octets.offset(of: "z9hG", from: start) {
            start = found + 4
            // A branch as the edge makes it for a forwarded request; the parser looks at it again.
            guard found + Branch.forwardedLength <= octets.count, octets[found + 25] == UInt8(ascii: "."),
                let shard = other(Self.shard(in: octets, at: found + 7))
            else { continue }
            return shard
        }
        return nil
    }

    // MARK: Handing over

    /// All shards are there. One that has been told so before may have handed something over already.
    func join(_ crew: [ShardHandle]) {
        self.crew = crew
        parcels = crew.map { _ in [] }
        takeParcels()
    }

    func handOver(_ parcel: Parcel, to index: Int) {
        // While the edge starts there is nobody yet to hand anything to.
        guard crew.indices.contains(index), crew[index].inbox.size < Self.mostWaiting else {
            hot.dropped(.shardBusy)
            return
        }
        parcels[index].append(parcel)
        guard !willPost else { return }
        willPost = true
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.execute { bound.value.post() }
    }

    /// Gives each shard what was put aside for it in this turn.
    private func post() {
        willPost = false
        for (index, colleague) in crew.enumerated() where !parcels[index].isEmpty {
            let batch = parcels[index]
            parcels[index].removeAll(keepingCapacity: true)
            if colleague.inbox.put(batch) { colleague.execute { $0.takeParcels() } }
        }
    }

    func looking(_ isOn: Bool) {
        guard crew.count > 1 else { return }
        take(crew[place.index].inbox.looking(isOn))
    }

    func looked() {
        guard crew.count > 1, crew[place.index].inbox.size > 0 else { return }
        takeParcels()
    }

    private func takeParcels() {
        guard crew.indices.contains(place.index) else { return }
        take(crew[place.index].inbox.take())
    }

    /// Deals with what other shards have handed over.
    private func take(_ batch: [Parcel]) {
        guard !batch.isEmpty else { return }
        isTakingParcels = true
        gathering {
            let now = clock()
            for parcel in batch { take(parcel, now: now) }
        }
        isTakingParcels = false
    }

    private func take(_ parcel: Parcel, now: Moment) {
        switch parcel {
        case .message(let octets, let flow):
            _ = octets.withUnsafeBytes { take($0, on: flow, now: now) }
        case .stray(let octets, let flow):
            do {
                refuseStray(try octets.withUnsafeBytes { try reader.read($0) }, on: flow, now: now)
            } catch {
                // The shard that it comes from has read it, by the same limits.
                hot.dropped(.malformed)
            }
        case .octets(let octets, let id):
            if transport?.send(octets, on: id) != true {
                metrics.increment(EdgeMetrics.transportFailures, ["connection_closed"])
            }
        }
    }

    /// Hands a message on which another shard knows more of, unless it came from a shard.
    func handsOn(_ message: Message, on flow: Flow, to shard: Int) -> Bool {
        guard !isTakingParcels, let owner = other(shard) else { return false }
        handOver(.message(message.bytes, flow), to: owner)
        return true
    }

    /// Sends on a flow, be it another shard's connection.
    /// - Returns: false when it is known to be gone.
    func transmit(_ octets: [UInt8], on id: FlowID) -> Bool {
        if let share = id.connectionShare, share != place.index, crew.indices.contains(share) {
            handOver(.octets(octets, id), to: share)
            return true
        }
        return transport?.send(octets, on: id) ?? false
    }
}
