internal import CAres
public import CoreTypes
internal import Foundation
internal import Glibc
internal import SIPProxy
internal import Synchronization

/// Asks name servers, by c-ares on a thread of its own. One serves all loops.
public final class DNSClient: Sendable {
    /// What one question got.
    enum Reply: Sendable, Equatable {
        case addresses([IPAddress])
        case servers([SRVRecord])
        case pointers([NAPTRRecord])
        /// The name does not exist, or has no such record.
        case none
        /// No server answered, or none could.
        case failed
    }

    struct Answer: Sendable, Equatable {
        var reply: Reply
        /// How long it may be kept, in seconds, as the records or, of what is not there, the zone says (RFC 2308); nil
        /// when nobody says.
        var timeToLive: Int?

        static let failed = Answer(reply: .failed, timeToLive: nil)
    }

    typealias Completion = @Sendable (Answer) -> Void

    private struct Request: Sendable {
        var name: String
        var kind: DNSMessage.Kind
        var completion: Completion
    }

    private struct State: Sendable {
        var requests: [Request] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    /// Written to when there is something to do.
    private let wakeUp: CInt

    /// - Parameters:
    ///   - servers: `address:port` separated by commas; nil: those of /etc/resolv.conf.
    ///   - timeout: of one try with one server.
    /// - Throws: when the system gives no pipe or c-ares does not start.
    public init(servers: String? = nil, timeout: Duration = .seconds(2), tries: Int = 2) throws {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        wakeUp = ends[1]
        let channel: Channel
        do {
            channel = try Channel(servers: servers, timeout: timeout, tries: tries)
        } catch {
            Glibc.close(ends[0])
            Glibc.close(ends[1])
            throw error
        }
        let readEnd = ends[0]
        let thread = Thread { [self] in run(channel, readEnd) }
        thread.name = "dns"
        thread.start()
    }

    /// - Parameter servers: asked in this order; none: those of /etc/resolv.conf.
    public convenience init(servers: [Endpoint], timeout: Duration = .seconds(2), tries: Int = 2) throws {
        let text = servers.map(\.description).joined(separator: ",")
        try self.init(servers: text.isEmpty ? nil : text, timeout: timeout, tries: tries)
    }

    /// Asks; the completion runs on the client's thread.
    func query(_ name: String, _ kind: DNSMessage.Kind, _ completion: @escaping Completion) {
        let isStopped = state.withLock { state in
            if !state.isStopped { state.requests.append(Request(name: name, kind: kind, completion: completion)) }
            return state.isStopped
        }
        if isStopped { completion(.failed) } else { wake() }
    }

    /// Ends the thread; what is being asked fails. Must be called, or the thread keeps the client for ever.
    public func shutdown() {
        let wasStopped = state.withLock { state in
            defer { state.isStopped = true }
            return state.isStopped
        }
        if !wasStopped { wake() }
    }

    private func wake() {
        var byte: UInt8 = 1
        // A full pipe wakes as well.
        _ = write(wakeUp, &byte, 1)
    }

    // MARK: On the thread

    private func run(_ channel: Channel, _ readEnd: CInt) {
        var isStopped = false
        while !isStopped {
            channel.wait(readEnd)
            let requests = state.withLock { state in
                defer { state.requests = [] }
                isStopped = state.isStopped
                return state.requests
            }
            for request in requests { channel.query(request.name, request.kind, request.completion) }
        }
        // Fails what is being asked.
        channel.destroy()
        Glibc.close(readEnd)
        Glibc.close(wakeUp)
    }

    /// c-ares's state; used by one thread at a time.
    private final class Channel: @unchecked Sendable {
        private var handle: ares_channel?

        init(servers: String?, timeout: Duration, tries: Int) throws {
            guard ares_library_init(1) == 0 else { throw POSIXError(.ENOMEM) }
            var options = ares_options()
            options.timeout = Int32(clamping: timeout.nanoseconds / 1_000_000)
            options.tries = Int32(clamping: tries)
            guard ares_init_options(&handle, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) == 0 else {
                throw POSIXError(.EINVAL)
            }
            if let servers, ares_set_servers_ports_csv(handle, servers) != 0 {
                ares_destroy(handle)
                throw POSIXError(.EINVAL)
            }
        }

        func destroy() {
            ares_destroy(handle)
            handle = nil
        }

        /// Waits for an answer, a time-out or a wake-up, and lets c-ares deal with it.
        func wait(_ readEnd: CInt) {
            var sockets = [ares_socket_t](repeating: -1, count: Int(ARES_GETSOCK_MAXNUM))
            let bits = UInt32(bitPattern: ares_getsock(handle, &sockets, Int32(sockets.count)))
            var polled = [pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)]
            for (index, socket) in sockets.enumerated() {
                var events: Int32 = 0
                if bits & (1 << UInt32(index)) != 0 { events |= POLLIN }
                if bits & (1 << UInt32(index + Int(ARES_GETSOCK_MAXNUM))) != 0 { events |= POLLOUT }
                if events != 0 { polled.append(pollfd(fd: socket, events: Int16(events), revents: 0)) }
            }
            var limit = timeval()
            var milliseconds: Int32 = -1
            if let next = ares_timeout(handle, nil, &limit) {
                milliseconds = Int32(clamping: next.pointee.tv_sec * 1000 + next.pointee.tv_usec / 1000 + 1)
            }
            let ready = poll(&polled, nfds_t(polled.count), milliseconds)
            if polled[0].revents != 0 {
                var scratch = [UInt8](repeating: 0, count: 256)
                while read(readEnd, &scratch, scratch.count) > 0 {}
            }
            let failed = Int16(POLLERR | POLLHUP)
            for entry in polled.dropFirst() where ready > 0 && entry.revents != 0 {
                ares_process_fd(
                    handle, entry.revents & (Int16(POLLIN) | failed) != 0 ? entry.fd : -1,
                    entry.revents & Int16(POLLOUT) != 0 ? entry.fd : -1)
            }
            // Time-outs.
            ares_process_fd(handle, -1, -1)
        }

        func query(_ name: String, _ kind: DNSMessage.Kind, _ completion: @escaping Completion) {
            let pending = Unmanaged.passRetained(Pending(kind, completion)).toOpaque()
            ares_query(
                handle, name, 1, Int32(kind.rawValue),
                { argument, status, _, octets, count in
                    guard let argument else { return }
                    let pending = Unmanaged<Pending>.fromOpaque(argument).takeRetainedValue()
                    let message = UnsafeBufferPointer(start: octets, count: octets == nil ? 0 : Int(max(0, count)))
                    pending.completion(DNSClient.answer(pending.kind, status, Array(message)))
                }, pending)
        }
    }

    private final class Pending {
        let kind: DNSMessage.Kind
        let completion: Completion

        init(_ kind: DNSMessage.Kind, _ completion: @escaping Completion) {
            self.kind = kind
            self.completion = completion
        }
    }

    private static func answer(_ kind: DNSMessage.Kind, _ status: Int32, _ octets: [UInt8]) -> Answer {
        let message = DNSMessage(octets, kind: kind)
        switch status {
        case Int32(ARES_SUCCESS): break
        // Some forwarders know nothing but addresses and say so of anything else.
        case Int32(ARES_ENODATA), Int32(ARES_ENOTFOUND), Int32(ARES_ENOTIMP):
            return Answer(reply: .none, timeToLive: message?.negativeTimeToLive)
        default: return .failed
        }
        guard let message else { return .failed }
        var addresses: [IPAddress] = []
        var servers: [SRVRecord] = []
        var pointers: [NAPTRRecord] = []
        for value in message.values {
            switch value {
            case .address(let address): addresses.append(address)
            case .srv(let server): servers.append(server)
            case .naptr(let pointer): pointers.append(pointer)
            }
        }
        let reply: Reply? =
            switch kind {
            case .a, .aaaa: addresses.isEmpty ? nil : .addresses(addresses)
            case .srv: servers.isEmpty ? nil : .servers(servers)
            case .naptr: pointers.isEmpty ? nil : .pointers(pointers)
            case .alias, .authority: nil
            }
        return reply.map { Answer(reply: $0, timeToLive: message.timeToLive) }
            ?? Answer(reply: .none, timeToLive: message.negativeTimeToLive)
    }
}
