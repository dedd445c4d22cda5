enum Stage: UInt8 {
    case free
    case connecting
    case inviting
    case authorizing
    case up
    case ending
    /// One request that one answer ends.
    case probing
}

/// Both sides of a call.
struct Call {
    var number = CallNumber(serial: 0, slot: 0)
    var stage = Stage.free
    var isMeasured = false
    var isProceeding = false
    var isProxyChallenge = false
    /// The called party: 0 knows nothing, 1 has answered, 2 has the ACK.
    var answered: UInt8 = 0
    var line: Int32 = 0
    var identity: Int32 = 0
    /// Change with every step, so that the timers of earlier ones do nothing.
    var epoch: UInt16 = 0
    var calledEpoch: UInt16 = 0
    var started: UInt64 = 0
    var deadline: UInt64 = 0
    var nonce: UInt16 = 0
    var opaque: UInt16 = 0
    var routes: UInt16 = 0
    var target: UInt16 = 0
    var to: UInt16 = 0
    var answer: UInt16 = 0
}

/// Slots for calls, and for each some text: what later requests have to repeat. The slot freed last is used next.
struct CallTable {
    enum Text: Int {
        case nonce = 0
        case opaque = 256
        case routes = 512
        case target = 1024
        case to = 1280
        case answer = 1536

        var capacity: Int {
            switch self {
            case .nonce, .opaque, .target, .to: 256
            case .routes: 512
            case .answer: 1536
            }
        }
    }

    static let capacity = 1 << 17
    private static let textBytes = 3072
    private let calls: UnsafeMutablePointer<Call>
    private let texts: UnsafeMutablePointer<UInt8>
    private var free: [UInt32]
    private var serial: UInt32
    private(set) var live = 0

    init(seed: UInt32) {
        calls = .allocate(capacity: Self.capacity)
        calls.initialize(repeating: Call(), count: Self.capacity)
        texts = .allocate(capacity: Self.capacity * Self.textBytes)
        free = (0..<UInt32(Self.capacity)).reversed()
        serial = seed
    }

    mutating func take() -> UnsafeMutablePointer<Call>? {
        guard let slot = free.popLast() else { return nil }
        serial &+= 1
        live += 1
        let call = calls + Int(slot)
        let epochs = (call.pointee.epoch, call.pointee.calledEpoch)
        call.pointee = Call(number: CallNumber(serial: serial, slot: slot))
        (call.pointee.epoch, call.pointee.calledEpoch) = (epochs.0 &+ 1, epochs.1 &+ 1)
        return call
    }

    mutating func release(_ call: UnsafeMutablePointer<Call>) {
        call.pointee.stage = .free
        live -= 1
        free.append(call.pointee.number.slot)
    }

    /// The call of this number, unless it is over.
    func find(_ number: CallNumber) -> UnsafeMutablePointer<Call>? {
        guard number.slot < Self.capacity else { return nil }
        let call = calls + Int(number.slot)
        return call.pointee.number.serial == number.serial && call.pointee.stage != .free ? call : nil
    }

    func text(_ call: UnsafeMutablePointer<Call>, _ text: Text) -> UnsafeMutablePointer<UInt8> {
        texts + Int(call.pointee.number.slot) * Self.textBytes + text.rawValue
    }

    /// Those in a stage.
    func forEach(in stage: Stage, limit: Int, _ body: (UnsafeMutablePointer<Call>) -> Void) {
        var found = 0
        for index in 0..<Self.capacity where calls[index].stage == stage {
            body(calls + index)
            found += 1
            if found == limit { return }
        }
    }
}
