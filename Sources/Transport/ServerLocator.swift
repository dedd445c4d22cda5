public import CoreTypes
internal import NIOCore
public import SIPMessage
public import SIPProxy

/// Finds the servers of SIP URIs (RFC 3263) for one loop: carries out what ``ServerLocation`` asks for, with the
/// resolver's cache behind it.
///
/// Everything is called, and calls back, on the loop.
public final class ServerLocator {
    public typealias Completion = (Result<[ServerLocation.Target], ServerLocation.Failure>) -> Void

    private let resolver: HostResolver
    private let supported: Set<TransportKind>

    /// - Parameter supported: the transports that can be opened towards others; without a context for outbound TLS this
    ///   has no TLS.
    public init(resolver: HostResolver, supported: Set<TransportKind> = [.udp, .tcp, .tls]) {
        self.resolver = resolver
        self.supported = supported
    }

    /// The places to try for a request, in this order, at most 16. One request, with its ACK or CANCEL, stays with the
    /// list that it got: another call draws lots anew.
    ///
    /// The completion runs before this returns when all answers are known, else later.
    public func locate(_ goal: ServerLocation.Goal, _ completion: @escaping Completion) {
        var random = SystemRandomNumberGenerator()
        Search(ServerLocation(goal, supported: supported), resolver, completion).advance(&random)
    }

    /// Where a response goes when its connection is gone, or was none (RFC 3263 section 5): sent-by of the topmost Via.
    /// - Parameter transport: that of the request.
    public func locateResponse(
        sentBy host: Host, port: UInt16?, transport: TransportKind, _ completion: @escaping Completion
    ) {
        locate(ServerLocation.Goal(responseTo: host, port: port, transport: transport), completion)
    }

    /// One walk through the procedure.
    private final class Search {
        private var location: ServerLocation
        private let resolver: HostResolver
        private let completion: Completion
        private var unanswered = 0

        init(_ location: ServerLocation, _ resolver: HostResolver, _ completion: @escaping Completion) {
            self.location = location
            self.resolver = resolver
            self.completion = completion
        }

        func advance(_ random: inout some RandomNumberGenerator) {
            switch location.step(using: &random) {
            case .found(let targets): completion(.success(targets))
            case .failed(let failure): completion(.failure(failure))
            case .ask(let questions):
                unanswered = questions.count
                for question in questions { ask(question) }
            }
        }

        private func ask(_ question: ServerLocation.Question) {
            switch question {
            case .naptr(let name):
                askRecords(name, .naptr, question) { reply in
                    if case .pointers(let records) = reply { .naptr(records) } else { nil }
                }
            case .srv(let name):
                askRecords(name, .srv, question) { reply in
                    if case .servers(let records) = reply { .srv(records) } else { nil }
                }
            case .addresses(let name, isOfServer: false):
                resolver.resolve(name) { self.received($0, to: question) }
            case .addresses(let name, isOfServer: true):
                resolver.resolveServer(name) { self.received($0, to: question) }
            }
        }

        private func askRecords(
            _ host: String, _ kind: DNSMessage.Kind, _ question: ServerLocation.Question,
            _ records: @escaping (DNSClient.Reply) -> ServerLocation.Answer?
        ) {
            guard let name = HostResolver.canonical(host), !resolver.isOwn(name) else {
                return received(.none, to: question)
            }
            resolver.ask(HostResolver.Question(name: name, kind: kind)) { reply in
                switch reply {
                case nil, .failed?: self.received(.failed, to: question)
                case .none?: self.received(.none, to: question)
                case let reply?: self.received(records(reply) ?? .failed, to: question)
                }
            }
        }

        private func received(_ result: Result<[IPAddress], HostResolver.Failure>, to question: ServerLocation.Question)
        {
            let answer: ServerLocation.Answer =
                switch result {
                case .success(let addresses): .addresses(addresses)
                case .failure(.invalidName), .failure(.notFound), .failure(.forbidden): .none
                case .failure(.serverFailed), .failure(.busy): .failed
                }
            received(answer, to: question)
        }

        private func received(_ answer: ServerLocation.Answer, to question: ServerLocation.Question) {
            location.received(answer, to: question)
            unanswered -= 1
            guard unanswered == 0 else { return }
            var random = SystemRandomNumberGenerator()
            advance(&random)
        }
    }
}
