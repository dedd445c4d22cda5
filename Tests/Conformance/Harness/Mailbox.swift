import CoreTypes
import SIPMessage
import Synchronization
import TestSupport

/// What a peer received and nobody has taken yet.
final class Mailbox: Sendable {
    struct Item: Sendable {
        let octets: [UInt8]
        /// Nil for what is no SIP.
        let message: Message?
        let transport: TransportKind
        let source: Endpoint
        private let back: @Sendable ([UInt8]) -> Void

        init(
            _ octets: [UInt8], _ transport: TransportKind, from source: Endpoint,
            back: @escaping @Sendable ([UInt8]) -> Void
        ) {
            self.octets = octets
            message = try? Message(parsing: octets)
            self.transport = transport
            self.source = source
            self.back = back
        }

        /// Sends where it came from.
        func reply(_ text: String) { back(Array(text.utf8)) }
    }

    private let items = Mutex<[Item]>([])
    private let history = Mutex<[Item]>([])
    private let ear = Mutex<(@Sendable (Item) -> Void)?>(nil)
    let name: String

    private let answering: Atomic<Bool>

    /// Answers probes by itself from now on.
    func answerOptions() { answering.store(true, ordering: .relaxed) }

    init(_ name: String, answersOptions: Bool = false) {
        self.name = name
        answering = Atomic(answersOptions)
    }

    func put(_ item: Item) {
        items.withLock { $0.append(item) }
        history.withLock { $0.append(item) }
        if answering.load(ordering: .relaxed), let message = item.message, message.isRequest, message.method == .options
        {
            try? item.answer(200, "OK")
        }
        ear.withLock { $0 }?(item)
    }

    /// Hears of each message as it comes, on the loop of its wire: for answering at once, and for taking the time.
    func hear(_ body: @escaping @Sendable (Item) -> Void) { ear.withLock { $0 = body } }

    /// All that ever came, taken or not.
    var everything: [Item] { history.withLock { $0 } }

    /// Waits for the first message that fits and takes it.
    func take(
        _ what: String, within limit: Duration = .seconds(10), where fits: @Sendable (Message) -> Bool
    ) async throws -> Item {
        var found: Item?
        do {
            try await eventually("\(name) gets \(what)", within: limit) {
                found = items.withLock { items in
                    items.firstIndex { $0.message.map(fits) == true }.map { items.remove(at: $0) }
                }
                return found != nil
            }
        } catch {
            let seen = everything.suffix(20).map { String(decoding: $0.octets.prefix(60), as: UTF8.self) }
            throw Failure("\(error); it got \(everything.count) messages, at last \(seen)")
        }
        guard let found else { throw Failure("\(what) came and went") }
        return found
    }

    /// How many of those that ever came fit.
    func count(where fits: (Message) -> Bool) -> Int {
        everything.count { $0.message.map(fits) == true }
    }
}
