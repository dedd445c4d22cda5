import CLoad
import Glibc

extension Load {
    /// One connection for each caller, open before anything is measured.
    func openCallers() throws {
        for _ in 0..<plan.callers { try openConnection(owner: nil) }
        let deadline = Self.clock() + 10_000_000_000
        while lines.dropFirst().contains(where: { $0.state != .open }) {
            guard Self.clock() < deadline, tally.connectionsLost == 0 else {
                throw Failure("the callers' connections did not open")
            }
            for line in lines.dropFirst() { serve(line) }
            usleep(1000)
        }
    }

    @discardableResult
    func openConnection(owner: CallNumber?) throws -> Line {
        let source = plan.source + UInt32(tally.connections) % plan.sourceSpread
        let descriptor = try Sockets.connection(from: source, to: plan.target)
        var tls: OpaquePointer?
        if let tlsContext {
            tls = SSL_new(tlsContext)
            guard let tls, SSL_set_fd(tls, descriptor) == 1, load_set_server_name(tls, "localhost") == 1 else {
                throw Failure("no TLS for a connection")
            }
            SSL_set_connect_state(tls)
            if plan.resumes, let session = load_take_session() {
                guard SSL_set_session(tls, session) == 1 else { throw Failure("a session can't be used again") }
                SSL_SESSION_free(session)
            }
        }
        tally.connections += 1
        let token = freeTokens.popLast() ?? UInt32(lines.count)
        let line = Line(connection: descriptor, tls: tls, token: token)
        line.owner = owner
        line.opened = now
        if Int(token) == lines.count { lines.append(line) } else { lines[Int(token)] = line }
        guard load_epoll_add(epoll, descriptor, token, 1) == 0 else { throw Failure.system("epoll") }
        return line
    }

    /// Something has happened on a connection, or may have.
    func serve(_ line: Line) {
        do {
            if line.state == .connecting {
                var error: Int32 = 0
                var length = socklen_t(4)
                guard getsockopt(line.descriptor, SOL_SOCKET, SO_ERROR, &error, &length) == 0, error == 0 else {
                    throw Failure("can't connect: \(String(cString: strerror(error)))")
                }
                var peer = sockaddr()
                var size = socklen_t(MemoryLayout<sockaddr>.size)
                guard getpeername(line.descriptor, &peer, &size) == 0 else { return }
                line.state = .handshaking
            }
            if line.state == .handshaking {
                let isOver = try line.shakeHands()
                setInterest(line)
                guard isOver else { return }
                line.state = .open
                opened(line)
            }
            guard line.state == .open else { return }
            try line.becameWritable()
            while line.state == .open, let count = try line.read(into: received, Self.slotBytes * 16) {
                takeStream(line, count)
            }
            if line.state == .open { setInterest(line) }
        } catch {
            lose(line, "\(error)")
        }
    }

    private func setInterest(_ line: Line) {
        _ = load_epoll_change(epoll, line.descriptor, line.token, line.wantsWrite ? 1 : 0)
    }

    private func opened(_ line: Line) {
        if let tls = line.tls, SSL_session_reused(tls) == 1 { tally.resumed += 1 }
        if let owner = line.owner {
            if let call = calls.find(owner) { begin(call) }
        } else if plan.work == .handshake {
            tally.up += 1
            tally.succeed(isMeasuring, isMeasuring: isMeasuring)
            tally.established(now - line.opened, isMeasured: isMeasuring)
            // Some send their tickets with the first answer only.
            if plan.resumes { askOptions(line) }
            linger(line)
        } else if plan.work == .connections {
            tally.up += 1
            // The edge closes connections on which nothing has come.
            askOptions(line)
        }
    }

    private func askOptions(_ line: Line) {
        var writer = Writer(scratch)
        templates[Int(line.token) % templates.count].options.write(
            to: &writer, CallNumber(serial: 0, slot: UInt32(CallTable.capacity)))
        send(line, writer)
    }

    /// Cuts what was read into messages.
    private func takeStream(_ line: Line, _ count: Int) {
        if line.received.isEmpty {
            let rest = takeMessages(Span8(bytes: Bytes(received), count: count), line)
            if rest < count {
                line.received.append(contentsOf: UnsafeBufferPointer(start: received + rest, count: count - rest))
            }
        } else {
            line.received.append(contentsOf: UnsafeBufferPointer(start: received, count: count))
            let bytes = line.received
            let rest = bytes.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.map { takeMessages(Span8(bytes: $0, count: buffer.count), line) } ?? 0
            }
            line.received.removeFirst(rest)
        }
    }

    private func takeMessages(_ stream: Span8, _ line: Line) -> Int {
        var position = 0
        while let end = stream.find("\r\n\r\n", from: position) {
            let head = Span8(bytes: stream.bytes + position, count: end + 4 - position)
            var length = 0
            if let digits = head.value(after: "Content-Length:", to: 0x0d) {
                for index in 0..<digits.count where digits.bytes[index] != 0x20 {
                    length = length * 10 + Int(digits.bytes[index]) - 48
                }
            }
            guard head.count + length <= stream.count - position else { break }
            take(Span8(bytes: head.bytes, count: head.count + length), from: line)
            position += head.count + length
        }
        return position
    }

    /// A connection has failed; what waits on it gives up in its time, or at once where it was its own.
    func lose(_ line: Line, _ why: String) {
        guard line.state != .closed else { return }
        tally.lost(why)
        remove(line)
        if let owner = line.owner, let call = calls.find(owner) {
            call.pointee.line = 0
            tally.fail(why, isMeasured: call.pointee.isMeasured)
            calls.release(call)
        } else if plan.work == .connections || plan.work == .handshake {
            tally.fail(why, isMeasured: isMeasuring)
        }
    }

    private func remove(_ line: Line) {
        line.close()
        freeTokens.append(line.token)
    }

    /// Closes a connection that has done its work. Where sessions are resumed, their tickets may come behind the work, so
    /// it stays for a while.
    func linger(_ line: Line) {
        guard line.isStream else { return }
        if plan.resumes {
            line.owner = nil
            lingering.append((now + 100_000_000, line))
        } else {
            remove(line)
        }
    }

    func closeLingering() throws {
        var closed = 0
        while closed < lingering.count, lingering[closed].until <= now {
            if lingering[closed].line.state != .closed { remove(lingering[closed].line) }
            closed += 1
        }
        if closed > 0 { lingering.removeFirst(closed) }
    }
}
