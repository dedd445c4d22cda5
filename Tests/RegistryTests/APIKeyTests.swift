import Foundation
import Registry
import Synchronization
import Testing

@Suite("Keys of the control API")
struct APIKeyTests {
    @Test("a key opens until it expires, and not from that moment on")
    func expiry() throws {
        let path = NSTemporaryDirectory() + "sallyport-keys-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let clock = Clock(now: 1_000_000)
        let store = try RegistryStore(RegistrySettings(path: path, actor: "test"), clock: { clock.now })
        let key = try store.createKey("mine", role: .operator, expiresAt: 1_060_000)
        #expect(try store.authenticate(key: key)?.role == .operator)
        clock.set(1_059_999)
        #expect(try store.authenticate(key: key) != nil)
        clock.set(1_060_000)
        #expect(try store.authenticate(key: key) == nil)
    }
}

/// A clock that a test moves.
private final class Clock: Sendable {
    private let value: Mutex<Int64>

    init(now: Int64) { value = Mutex(now) }

    var now: Int64 { value.withLock { $0 } }

    func set(_ now: Int64) { value.withLock { $0 = now } }
}
