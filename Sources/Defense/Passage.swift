public import CoreTypes
import SIPMessage

/// The policies of one profile. A nil layer is switched off.
public struct DefensePolicy: Sendable, Hashable {
    public var sourceRate: SourceRate.Policy?
    /// The group of allowlist entries that may use this profile.
    public var allowlistGroup: Int?
    public var transport: TransportGuard.Policy
    public var authentication: DigestAuthentication.Policy?
    public var callRate: CallRate.Policy?
    public var policyGuard: Guard.Policy?

    public init(
        sourceRate: SourceRate.Policy?, allowlistGroup: Int?, transport: TransportGuard.Policy,
        authentication: DigestAuthentication.Policy?, callRate: CallRate.Policy?, policyGuard: Guard.Policy?
    ) {
        self.sourceRate = sourceRate
        self.allowlistGroup = allowlistGroup
        self.transport = transport
        self.authentication = authentication
        self.callRate = callRate
        self.policyGuard = policyGuard
    }
}

/// What the registry knows, as one immutable snapshot; nil parts could never be read.
public struct DefenseDirectory: Sendable {
    public var allowlist: Allowlist
    public var subscribers: SubscriberDirectory?
    public var experts: ExpertDirectory?

    public init(allowlist: Allowlist, subscribers: SubscriberDirectory?, experts: ExpertDirectory?) {
        self.allowlist = allowlist
        self.subscribers = subscribers
        self.experts = experts
    }
}

/// What happened to a request on its way through the layers.
public struct PassageReport: Sendable {
    public struct Step: Sendable {
        public enum Outcome: UInt8, Sendable {
            case pass
            case refuse
            case notApplicable
        }

        public var layer: Layer
        public var outcome: Outcome
        /// Nanoseconds that the layer took, by the stopwatch given.
        public var nanoseconds: UInt64

        /// Whether the layer judged at all.
        public var isApplicable: Bool { outcome != .notApplicable }
    }

    public var steps = PassageSteps()
    public var facts = PassageFacts()
    /// Nil: admitted, once the witness has it; unless the edge is overloaded.
    public var refusal: Refusal?
    /// No layer has refused it, but the edge takes no more on at present.
    public var isOverloaded = false
    /// What is to be asked elsewhere before the request is admitted; nil: nothing.
    public var question: PolicyQuestion?

    /// The guard's step, if it judged.
    public var guardStep: Step? { steps.first { $0.layer == .policyGuard && $0.isApplicable } }
}

/// The layers that a request has met, in order; in place, since every request of a flood meets some.
public struct PassageSteps: Sendable, Sequence {
    private var layers = SIMD8<UInt8>()
    private var outcomes = SIMD8<UInt8>()
    private var nanoseconds = SIMD8<UInt64>()
    private var count = 0

    mutating func append(_ step: PassageReport.Step) {
        layers[count] = UInt8(step.layer.index)
        outcomes[count] = step.outcome.rawValue
        nanoseconds[count] = step.nanoseconds
        count += 1
    }

    public func makeIterator() -> Iterator { Iterator(steps: self) }

    public struct Iterator: IteratorProtocol {
        fileprivate let steps: PassageSteps
        private var position = 0

        fileprivate init(steps: PassageSteps) { self.steps = steps }

        public mutating func next() -> PassageReport.Step? {
            guard position < steps.count, let outcome = PassageReport.Step.Outcome(rawValue: steps.outcomes[position])
            else { return nil }
            defer { position += 1 }
            return PassageReport.Step(
                layer: Layer.inOrder[Int(steps.layers[position])], outcome: outcome,
                nanoseconds: steps.nanoseconds[position])
        }
    }
}

/// A request's way through the layers of one profile, with everything that they remember.
public struct Passage: Sendable {
    public let policy: DefensePolicy
    public var directory: DefenseDirectory {
        didSet { authentication?.offer(to: directory.subscribers) }
    }
    private var sourceRate: SourceRate?
    private let transportGuard: TransportGuard
    private var authentication: DigestAuthentication?
    let ledger: CommonLedger
    private let policyGuard: Guard?

    /// - Parameters:
    ///   - serial: see `DigestAuthentication`.
    ///   - ledger: of the passages of the same profile on other loops; nil: there are none.
    public init(
        _ policy: DefensePolicy, directory: DefenseDirectory, secret: NodeSecret, serial: UInt32,
        ledger: CommonLedger? = nil
    ) {
        self.policy = policy
        self.directory = directory
        sourceRate = policy.sourceRate.map { SourceRate($0) }
        transportGuard = TransportGuard(policy.transport)
        authentication = policy.authentication.map { DigestAuthentication($0, secret: secret, serial: serial) }
        let ledger = ledger ?? CommonLedger(policy)
        self.ledger = ledger
        policyGuard = policy.policyGuard.map { Guard($0, ledger: ledger) }
        authentication?.offer(to: directory.subscribers)
    }

    /// - Parameter ledger: a copy of the other one's.
    init(_ other: Passage, ledger: CommonLedger) {
        policy = other.policy
        directory = other.directory
        sourceRate = other.sourceRate
        transportGuard = other.transportGuard
        authentication = other.authentication
        self.ledger = ledger
        policyGuard = other.policy.policyGuard.map { Guard($0, ledger: ledger) }
    }

    private static let layersOfStrays: [Layer] = [.sourceRate, .allowlist, .transportSecurity]
    private static let layersOfOwn: [Layer] = layersOfStrays + [.authentication]

    /// Takes a new out-of-dialog request through the layers, in the order of `Layer`, up to the first refusal.
    /// - Parameters:
    ///   - activeCalls: how many calls an expert has up.
    ///   - hasRoom: asked once, behind the layers that cost nothing and know no user; false ends the walk. See
    ///     `OverloadControl`.
    ///   - stopwatch: nanoseconds on a steady clock, for the time each layer takes.
    public mutating func examine(
        _ approach: Approach, now: Moment, activeCalls: (String) -> Int, hasRoom: () -> Bool = { true },
        stopwatch: () -> UInt64 = { 0 }
    ) -> PassageReport {
        walk(Layer.inOrder, approach, now: now, activeCalls: activeCalls, hasRoom: hasRoom, stopwatch: stopwatch)
    }

    /// The layers that a request meets which claims to be in a dialog but can't show it: 1 to 3.
    public mutating func examineStray(_ approach: Approach, now: Moment) -> PassageReport {
        walk(
            Self.layersOfStrays, approach, now: now, activeCalls: { _ in 0 }, hasRoom: { true }, stopwatch: { 0 })
    }

    /// The layers that a request meets which wants something of the edge itself: 1 to 4.
    public mutating func examineOwn(_ approach: Approach, now: Moment) -> PassageReport {
        walk(Self.layersOfOwn, approach, now: now, activeCalls: { _ in 0 }, hasRoom: { true }, stopwatch: { 0 })
    }

    /// From now on nonces are made with this.
    public mutating func replace(secret: NodeSecret) {
        authentication?.replace(secret: secret)
    }

    private mutating func walk(
        _ layers: [Layer], _ approach: Approach, now: Moment, activeCalls: (String) -> Int, hasRoom: () -> Bool,
        stopwatch: () -> UInt64
    ) -> PassageReport {
        var approach = approach
        approach.traceHeader = policyGuard?.traceHeader
        var report = PassageReport()
        var started = stopwatch()
        for layer in layers {
            if layer == .authentication, !hasRoom() {
                report.isOverloaded = true
                break
            }
            let verdict = examine(layer, approach, &report.facts, now: now, activeCalls: activeCalls)
            let ended = stopwatch()
            report.steps.append(.init(layer: layer, outcome: verdict.outcome, nanoseconds: ended &- started))
            started = ended
            if case .refuse(let refusal) = verdict {
                report.refusal = refusal
                break
            }
            if layer == .policyGuard, case .pass = verdict, policy.policyGuard?.asksService == true {
                report.question = PolicyQuestion(approach, report.facts)
            }
        }
        return report
    }

    private mutating func examine(
        _ layer: Layer, _ approach: Approach, _ facts: inout PassageFacts, now: Moment, activeCalls: (String) -> Int
    ) -> Verdict {
        switch layer {
        case .sourceRate:
            return sourceRate?.examine(approach, now: now) ?? .notApplicable
        case .allowlist:
            guard let group = policy.allowlistGroup else { return .notApplicable }
            return directory.allowlist.examine(approach, group: group, &facts)
        case .transportSecurity:
            return transportGuard.examine(approach)
        case .authentication:
            return authentication?.examine(approach, subscribers: directory.subscribers, &facts, now: now)
                ?? .notApplicable
        case .callRate:
            return ledger.examineCallRate(approach, &facts, now: now)
        case .policyGuard:
            return policyGuard?.examine(
                approach, experts: directory.experts, activeCalls: activeCalls, &facts, now: now) ?? .notApplicable
        case .witness:
            // The edge holds the call back until the record of this report is on disk.
            return .pass
        }
    }

    /// Counts a new connection, or a packet that could not be parsed, against its source.
    public mutating func arrived(from address: IPAddress, now: Moment) -> SourceRate.Outcome {
        sourceRate?.arrived(from: address, fingerprint: 0, now: now) ?? .within
    }

    /// Whether layer 1 would let one more packet of a source pass; counts nothing.
    public func hasRoom(for address: IPAddress, now: Moment) -> Bool {
        sourceRate?.hasRoom(for: address, now: now) ?? true
    }

    /// Whether layer 1 may have shut out anybody.
    public func mayHaveShutOut(_ now: Moment) -> Bool { sourceRate?.mayHaveShutOut(now) ?? false }

    /// Counts a packet of a source that layer 1 has shut out; false for any other source.
    public mutating func counted(shutOut address: IPAddress, now: Moment) -> Bool {
        sourceRate?.counted(shutOut: address, now: now) ?? false
    }

    /// Forgets sources that have been silent for long enough; to be called now and then, since after a flood nobody else
    /// may come by.
    public mutating func keepHouse(now: Moment) {
        sourceRate?.forgetSilent(now, most: 2000)
    }

    /// Sources that layer 1 remembers.
    public var rememberedSources: Int { sourceRate?.rememberedSources ?? 0 }

    /// Whether the allowlist would let this source through, for deciding before a handshake.
    public func isAllowlisted(_ source: Endpoint, transport: TransportKind) -> Bool {
        guard let group = policy.allowlistGroup else { return true }
        return directory.allowlist.match(source, transport: transport, group: group) != nil
    }
}
