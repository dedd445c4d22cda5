import CLoad
import Glibc

struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    static func system(_ what: String) -> Failure {
        Failure("\(what): \(String(cString: strerror(errno)))")
    }
}

/// A socket of the load: a caller's, the called party's or a connection.
final class Line {
    enum State {
        case connecting
        case handshaking
        case open
        case closed
    }

    static let messageBytes = 2048
    let token: UInt32
    let descriptor: Int32
    var state: State
    /// The call that a connection was made for.
    var owner: CallNumber?
    var opened: UInt64 = 0

    // Datagrams that wait for the end of the loop's turn.
    let isStream: Bool
    private let outbox: UnsafeMutablePointer<UInt8>?
    private var datagrams = [load_datagram]()

    // Connections.
    let tls: OpaquePointer?
    /// The beginning of a message whose rest has not come.
    var received: [UInt8] = []
    private var unsent: [UInt8] = []
    private(set) var wantsWrite = false

    init(datagrams descriptor: Int32, token: UInt32) {
        self.token = token
        self.descriptor = descriptor
        state = .open
        isStream = false
        outbox = .allocate(capacity: load_batch * Self.messageBytes)
        tls = nil
    }

    init(connection descriptor: Int32, tls: OpaquePointer?, token: UInt32) {
        self.token = token
        self.descriptor = descriptor
        self.tls = tls
        state = .connecting
        isStream = true
        outbox = nil
    }

    /// How many datagrams the socket's buffer had no room for; the timers send them again.
    private(set) var refused = 0

    func send(_ bytes: Bytes, _ count: Int) throws {
        guard let outbox else { return try write(bytes, count) }
        if datagrams.count == load_batch { flush() }
        let place = outbox + datagrams.count * Self.messageBytes
        memcpy(place, bytes, count)
        datagrams.append(load_datagram(bytes: place, length: UInt32(count), source: 0))
    }

    var hasDatagrams: Bool { !datagrams.isEmpty }

    func flush() {
        var sent = 0
        let total = datagrams.count
        datagrams.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            while sent < total {
                let result = load_send(descriptor, base + sent, Int32(total - sent))
                if result > 0 {
                    sent += Int(result)
                } else {
                    // ECONNREFUSED is an earlier datagram's; it is told once.
                    if errno == ECONNREFUSED { continue }
                    refused += total - sent
                    break
                }
            }
        }
        datagrams.removeAll(keepingCapacity: true)
    }

    // MARK: Connections

    private func write(_ bytes: Bytes, _ count: Int) throws {
        if !unsent.isEmpty {
            unsent.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
            return
        }
        let sent = try writeSome(bytes, count)
        if sent < count {
            unsent.append(contentsOf: UnsafeBufferPointer(start: bytes + sent, count: count - sent))
            wantsWrite = true
        }
    }

    private func writeSome(_ bytes: Bytes, _ count: Int) throws -> Int {
        if let tls {
            let result = SSL_write(tls, bytes, Int32(count))
            if result > 0 { return Int(result) }
            let error = SSL_get_error(tls, result)
            guard error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ else {
                throw Failure("TLS write failed (\(error))")
            }
            return 0
        }
        let result = Glibc.send(descriptor, bytes, count, Int32(truncatingIfNeeded: MSG_NOSIGNAL))
        if result >= 0 { return result }
        guard errno == EAGAIN else { throw Failure.system("write") }
        return 0
    }

    /// The socket takes bytes again.
    func becameWritable() throws {
        guard !unsent.isEmpty else {
            wantsWrite = false
            return
        }
        let sent = try unsent.withUnsafeBufferPointer { buffer in
            try buffer.baseAddress.map { try writeSome($0, buffer.count) } ?? 0
        }
        unsent.removeFirst(sent)
        wantsWrite = !unsent.isEmpty
    }

    /// Bytes read into a buffer; nil when there are none now.
    func read(into buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int) throws -> Int? {
        if let tls {
            let result = SSL_read(tls, buffer, Int32(capacity))
            if result > 0 { return Int(result) }
            let error = SSL_get_error(tls, result)
            guard error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE else {
                throw Failure(error == SSL_ERROR_ZERO_RETURN ? "closed by the edge" : "TLS read failed (\(error))")
            }
            return nil
        }
        let result = recv(descriptor, buffer, capacity, 0)
        if result > 0 { return result }
        if result == 0 { throw Failure("closed by the edge") }
        guard errno == EAGAIN else { throw Failure.system("read") }
        return nil
    }

    /// Whether the handshake is over.
    func shakeHands() throws -> Bool {
        guard let tls else { return true }
        let result = SSL_do_handshake(tls)
        if result == 1 { return true }
        let error = SSL_get_error(tls, result)
        guard error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE else {
            throw Failure("TLS handshake failed (\(error))")
        }
        wantsWrite = error == SSL_ERROR_WANT_WRITE
        return false
    }

    func close() {
        guard state != .closed else { return }
        if let tls {
            if state == .open { SSL_shutdown(tls) }
            SSL_free(tls)
        }
        state = .closed
        Glibc.close(descriptor)
    }
}
