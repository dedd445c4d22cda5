import Foundation
import GRDB
import Registry
import Testing

@Suite("Following the database", .timeLimit(.minutes(1)))
final class FollowerTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    private enum Seen: Sendable, Equatable {
        case snapshot([String], revision: UInt64)
        case changes([String])
        case trouble
        case recovered
    }

    /// A follower whose callbacks come out of a stream, in order.
    private func follow(_ scratch: Scratch) -> (RegistryFollower, AsyncStream<Seen>.AsyncIterator) {
        let (stream, continuation) = AsyncStream<Seen>.makeStream()
        let follower = RegistryFollower(
            scratch.settings, every: .milliseconds(5),
            .init(
                onSnapshot: { continuation.yield(.snapshot($0.subscribers.map(\.username), revision: $0.revision)) },
                onChanges: { continuation.yield(.changes($0.map(\.action))) },
                onTrouble: { _ in continuation.yield(.trouble) }, onRecovered: { continuation.yield(.recovered) }))
        return (follower, stream.makeAsyncIterator())
    }

    @Test("changes of other programs and of commands are seen, each once")
    func changes() async throws {
        let store = try scratch.store()
        var (follower, seen) = follow(scratch)
        #expect(await seen.next() == .snapshot([], revision: 1))
        try scratch.execute("INSERT INTO subscriber (username, domain) VALUES ('kamailio', 'example.org')")
        #expect(await seen.next() == .snapshot(["kamailio"], revision: 2))
        try store.addSubscriber("a@example.org", password: "x")
        #expect(await seen.next() == .snapshot(["a", "kamailio"], revision: 3))
        #expect(await seen.next() == .changes(["subscriber.add"]))
        // Nothing new in what calls are decided with, so only the change is told.
        try store.setSubscriber("a@example.org", enabled: true)
        #expect(await seen.next() == .changes(["subscriber.enable"]))
        let last = try #require(try store.pendingChanges().last)
        follower.acknowledge(upTo: last.id)
        try store.removeSubscriber("a@example.org")
        #expect(await seen.next() == .snapshot(["kamailio"], revision: 4))
        #expect(await seen.next() == .changes(["subscriber.remove"]))
        follower.stop()
        #expect(try store.pendingChanges().map(\.action) == ["subscriber.remove"])
    }

    @Test("a file that vanishes is told once, the next one in its place is read")
    func replacedFile() async throws {
        try scratch.store().addSubscriber("a@example.org", password: "x")
        var (follower, seen) = follow(scratch)
        #expect(await seen.next() == .snapshot(["a"], revision: 1))
        #expect(await seen.next() == .changes(["subscriber.add"]))
        try FileManager.default.moveItem(atPath: scratch.path, toPath: scratch.path + ".away")
        #expect(await seen.next() == .trouble)
        #expect(!FileManager.default.fileExists(atPath: scratch.path))
        let other = try Scratch()
        try other.store().addSubscriber("b@example.org", password: "x")
        try FileManager.default.moveItem(atPath: other.path, toPath: scratch.path)
        #expect(await seen.next() == .snapshot(["b"], revision: 2))
        #expect(await seen.next() == .changes(["subscriber.add"]))
        #expect(await seen.next() == .recovered)
        follower.stop()
    }

    @Test("a lock is trouble until it is given back")
    func locked() async throws {
        _ = try scratch.store()
        var (follower, seen) = follow(scratch)
        #expect(await seen.next() == .snapshot([], revision: 1))
        let other = try scratch.connection()
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN EXCLUSIVE") }
        #expect(await seen.next() == .trouble)
        try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        #expect(await seen.next() == .recovered)
        follower.stop()
    }
}
