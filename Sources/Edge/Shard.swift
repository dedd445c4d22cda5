import CoreTypes
import Defense
import Logging
import NIOCore
import SallyportConfiguration
import Registry
import SIPMessage
import SIPProxy
import SIPTransaction
import Telemetry
import Transport
import Witness

/// One event loop's share of the edge: carries out what the layers, the transactions and the proxy core decide.
///
/// All of its state is plain stored properties; it is entered from its event loop only.
final class Shard {
    let settings: EdgeSettings
    /// Which of the edge's shards this is.
    let place: PortSharing
    let common: CommonCounts
    /// All shards of the edge, this one among them.
    var crew: [ShardHandle] = []
    /// What goes to each of them at the end of this turn of the loop.
    var parcels: [[Parcel]] = []
    var willPost = false
    /// While what another shard has handed over is dealt with.
    var isTakingParcels = false
    let loop: any EventLoop
    let clock: @Sendable () -> Moment
    let witness: WitnessLog
    let logger: Logger
    private(set) var cookie: DialogCookie
    private(set) var secret: NodeSecret
    /// For the keys of transactions, which live on while the secret is replaced.
    let transactionSecret: NodeSecret
    var transport: TransportLayer?
    var locator: ServerLocator?
    var policyService: PolicyService?

    let entrances: [String: Entrance]
    /// By the number of the listener.
    let entrancesOfListeners: [Entrance?]
    var branches: BranchMint
    var overload: OverloadControl
    /// When the load was to be looked at next, to see how late the loop is.
    var loadDue: UInt64 = 0
    /// New requests refused for overload since that was last written down.
    var overloadRefusals = 0
    var overloadRecordedAt: UInt64 = 0
    /// Whether packets wait for the edge, so that strangers get no answers.
    var shedsStrangers = false
    /// Requests of strangers that got one since the load was last looked at.
    var strangersAnswered = 0
    /// New requests of strangers that got none, since that was last written down.
    var strangersShed = 0
    /// With its packets that the collapser has not been told of.
    var lastShutOut: (source: IPAddress?, packets: Int) = (nil, 0)
    /// Packets refused without being read since the load was last looked at.
    var packetsRefusedUnread = 0
    /// Since when the witness has kept something waiting without a commit.
    var witnessWaitsSince: UInt64?
    var collapser = EventCollapser()
    var calls: CallTable
    var pools: [String: TargetPool]
    var random = SystemRandomNumberGenerator()
    /// Hops that take no TCP, and until when they aren't asked again.
    var withoutTCP = BoundedTable<Endpoint, UInt64>(capacity: 4096)
    var metrics = MetricSet()
    var hot = HotMetrics()
    var reader: MessageReader
    /// Room for answers that nobody keeps.
    var replyOctets: [UInt8] = []
    var servers: [ServerTransactionKey: ServerTransaction] = [:]
    var clients: [ClientTransactionKey: ClientTransaction] = [:]
    /// How many of the server transactions each source has.
    var serversOfSource: [IPAddress: Int] = [:]
    /// Transactions, and calls that were forwarded, since the start.
    var begun = (servers: 0, clients: 0, calls: 0)
    /// Client transactions by the ticket under which their octets were handed to the transport.
    var tickets: [UInt64: ClientTransaction] = [:]
    /// Requests held back until their record is on disk, by the witness's token.
    var awaitingWitness: [UInt64: ProxyContext] = [:]
    /// Requests held back until a policy service has said something.
    var policyWaits: [UInt64: PolicyWait] = [:]
    /// Profiles whose policy service does not answer.
    var failingPolicyServices: Set<String> = []
    /// Registry changes on their way to the disk, by the witness's token.
    var recordedChanges: [UInt64: Int64] = [:]
    var lastRecordedChange: Int64?
    var hasLostChange = false
    var experts: ExpertDirectory
    var certificates: CertificateWatch
    /// When the certificates are looked at next.
    var certificatesDue: UInt64 = 0
    /// The ports that the listeners got.
    var boundPorts: Set<UInt16> = []
    var isDraining = false
    var bans = BanList()
    /// The lead's, to tell what changes.
    var knownBans: [IPAddress: Ban] = [:]
    /// The most sources that layer 1 has remembered since memory was given back.
    private var mostSources = 0
    var isWitnessFailing = false
    var witnessFailedAt = Moment(monotonic: 0, wall: 0)
    /// Records that had not been written when the trouble with the witness began.
    var witnessFailures: UInt64 = 0

    private var wheel: TimerWheel<Timer>
    private var nextWake = UInt64.max
    private var lastID: UInt64

    /// Calls that a shard keeps at a time.
    private static let mostCalls = 200_000
    /// Its part of `limits.transactions`.
    private let mostTransactions: Int

    init(
        settings: EdgeSettings, place: PortSharing, common: CommonCounts, loop: any EventLoop,
        clock: @escaping @Sendable () -> Moment, witness: WitnessLog, secret: NodeSecret, directory: DefenseDirectory,
        randomStart: UInt64, logger: Logger
    ) {
        self.settings = settings
        self.place = place
        self.common = common
        self.loop = loop
        self.clock = clock
        self.witness = witness
        self.secret = secret
        transactionSecret = secret
        self.logger = logger
        pools = settings.pools
        mostTransactions = max(1, settings.transactions / place.count)
        overload = OverloadControl(fixedLimit: settings.newCallsPerSecond.map { max(1, $0 / place.count) })
        cookie = DialogCookie(secret: secret, shard: place.number)
        branches = BranchMint(secret: secret, shard: place.number, start: randomStart)
        lastID = Self.firstID(of: place) + randomStart >> 8
        experts = directory.experts ?? ExpertDirectory()
        certificates = CertificateWatch(ahead: settings.warnBeforeExpiry)
        let serial = UInt32(truncatingIfNeeded: randomStart)
        let entrances = settings.profiles.mapValues {
            Entrance(
                $0,
                Passage(
                    $0.policy, directory: directory, secret: secret, serial: serial, ledger: common.ledgers[$0.name]
                ))
        }
        self.entrances = entrances
        entrancesOfListeners = settings.listeners.map { entrances[$0.profile] }
        calls = CallTable(secret: secret, common: common)
        reader = MessageReader(limits: settings.limits)
        wheel = TimerWheel(now: clock().monotonic)
        metrics.declare(EdgeMetrics.declared)
    }

    /// What is made from now on is made with this; it recognizes what it has keys for.
    func replace(secret: NodeSecret) {
        self.secret = secret
        cookie = DialogCookie(secret: secret, shard: place.number)
        branches.secret = secret
        for entrance in entrances.values { entrance.passage.replace(secret: secret) }
    }

    /// A new view of the registry; takes effect with the next request.
    func replace(directory: DefenseDirectory) {
        experts = directory.experts ?? ExpertDirectory()
        for entrance in entrances.values { entrance.passage.directory = directory }
    }

    /// No room for requests, not even of calls that are up.
    var isFull: Bool { servers.count >= mostTransactions }

    /// A sixteenth of the transactions is for calls that are up, so that they can still be ended.
    var hasRoomForCalls: Bool {
        servers.count < mostTransactions - mostTransactions / 16 && calls.count < Self.mostCalls
    }

    /// The identifiers of a shard's own are below the next one's.
    static func firstID(of place: PortSharing) -> UInt64 { UInt64(place.index) << 56 }

    /// The place of the shard that has made an identifier.
    static func index(ofID id: UInt64) -> Int { Int(id >> 56) }

    func nextID() -> UInt64 {
        lastID &+= 1
        return lastID
    }

    /// An identifier that can't be guessed from others of its kind.
    func opaqueID(_ purpose: StaticString) -> String {
        let id = nextID()
        var state = secret.begin(purpose)
        state.absorb(id)
        return Hexadecimal.string(state.finish().first)
    }

    // MARK: Timers

    func arm(after nanoseconds: UInt64, _ timer: Timer) -> TimerHandle {
        let handle = wheel.arm(at: clock().monotonic + nanoseconds, timer)
        scheduleWake()
        return handle
    }

    func disarm(_ handle: inout TimerHandle?) {
        if let armed = handle { wheel.disarm(armed) }
        handle = nil
    }

    /// One callback of the loop drives the whole wheel. One that an earlier timer has overtaken does nothing: if it drove
    /// the wheel too, it would schedule a successor, and there would be more of them with every timer.
    private func scheduleWake() {
        guard let deadline = wheel.nextDeadline, deadline < nextWake else { return }
        nextWake = deadline
        let delay = max(0, Int64(clamping: deadline) - Int64(clamping: clock().monotonic))
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: .nanoseconds(delay)) { bound.value.wake(deadline) }
    }

    private func wake(_ deadline: UInt64) {
        guard deadline == nextWake else { return }
        nextWake = .max
        let fired = wheel.advance(to: clock().monotonic)
        gathering { for timer in fired { fire(timer) } }
        scheduleWake()
    }

    private func fire(_ timer: Timer) {
        switch timer {
        case .serverRetransmission(let server):
            server.retransmission = nil
            carryOut(server.retransmissionFired(), server)
        case .serverDeadline(let server):
            server.deadline = nil
            carryOut(server.deadlineFired(), server)
        case .clientRetransmission(let client):
            client.retransmission = nil
            carryOut(client.retransmissionFired(), client, response: nil)
        case .clientDeadline(let client):
            client.deadline = nil
            deadlineFired(client)
        case .timerC(let context):
            context.timerC = nil
            timerCFired(context)
        case .probe(let member):
            probe(member)
        case .probeDeadline(let probe):
            probe.deadline = nil
            probeDeadlineFired(probe)
        case .callLimit(let call):
            call.limit = nil
            tearDown(call, .maximumDuration, "Maximum duration")
        case .callLiveness(let call):
            call.probing = nil
            probe(call)
        case .policyDeadline(let wait):
            policyAnswered(wait, .fault("no answer in time"))
        case .housekeeping:
            keepHouse()
        case .load:
            lookAtLoad()
        }
    }

    func startHousekeeping() {
        _ = arm(after: 1_000_000_000, .housekeeping)
    }

    private func keepHouse() {
        let now = clock()
        settleShutOut(now: now)
        for event in collapser.due(now: now) { witness.append(event, at: now.wall) }
        if now.monotonic >= certificatesDue { lookAtCertificates(now: now) }
        for entrance in entrances.values { entrance.passage.keepHouse(now: now) }
        endBans(now: now)
        loseWitnessPatience()
        giveBackMemory()
        startHousekeeping()
    }

    /// Once most of a flood's sources are forgotten, their memory goes back to the system.
    private func giveBackMemory() {
        let remembered = entrances.values.reduce(0) { $0 + $1.passage.rememberedSources }
        mostSources = max(mostSources, remembered)
        guard mostSources > 4096, remembered < mostSources / 8 else { return }
        mostSources = remembered
        AllocatorMemory.giveBack()
    }

    // MARK: Witness

    /// Writes an event down without waiting for it.
    func record(_ event: SecurityEvent, now: Moment) {
        witness.append(event, at: now.wall)
    }

    /// Writes a refusal down; many alike become one with a count.
    func recordRefusal(_ event: SecurityEvent, cause: String, now: Moment) {
        guard let source = event.sourceIP else { return record(event, now: now) }
        recordRefusal(from: source, event.kind, event.severity, cause: cause, now: now) { event }
    }

    /// The same for an event that is made only when it is needed.
    func recordRefusal(
        from source: IPAddress, _ kind: SecurityEvent.Kind, _ severity: SecurityEvent.Severity, cause: String,
        now: Moment, _ make: () -> SecurityEvent
    ) {
        let written = collapser.add(from: source, kind, severity, cause: cause, now: now, make)
        if let event = written.event { record(event, now: now) }
        if let event = written.evicted { record(event, now: now) }
    }

    func recordRefusal(_ draft: EventDraft, cause: Refusal.Cause, now: Moment) {
        recordRefusal(from: draft.sourceIP, draft.kind, draft.severity, cause: cause.rawValue, now: now) {
            draft.make()
        }
    }

    /// A batch of records is on disk, or isn't.
    func committed(_ report: CommitReport) {
        gathering { goOn(after: report) }
    }

    /// What is sent within the body leaves together.
    func gathering(_ body: () -> Void) {
        if let transport {
            transport.gather(body)
        } else {
            body()
        }
    }

    private func goOn(after report: CommitReport) {
        defer { witnessWaitsSince = awaitingWitness.isEmpty ? nil : clock().monotonic }
        for token in report.durable {
            if let change = recordedChanges.removeValue(forKey: token) {
                lastRecordedChange = max(change, lastRecordedChange ?? change)
                continue
            }
            guard let context = awaitingWitness.removeValue(forKey: token) else { continue }
            observeCommit(context)
            proceed(context)
        }
        for token in report.failed {
            // From here on nothing is acknowledged: what is missing comes again with the next start.
            if recordedChanges.removeValue(forKey: token) != nil { hasLostChange = true }
            guard let context = awaitingWitness.removeValue(forKey: token) else { continue }
            witnessFailed(context)
        }
        if let error = report.error {
            witnessBeganToFail("\(error)")
        } else if isWitnessFailing {
            isWitnessFailing = false
            guard place.isLead else { return }
            logger.notice("the witness can be written again")
            // Could not be written while it lasted.
            record(
                SecurityEvent(.degraded, .alert, details: [.init("component", "witness")]), now: witnessFailedAt)
            let lost = Int(clamping: witness.counters.failures - min(witnessFailures, witness.counters.failures))
            record(
                SecurityEvent(
                    .recovered, .notice,
                    details: [.init("component", "witness"), .init("records_lost", .integer(lost))]),
                now: clock())
        }
    }

    private func observeCommit(_ context: ProxyContext) {
        let waited = clock().monotonic - min(context.askedWitnessAt, clock().monotonic)
        hot.witness.observe(Double(waited) / 1e9)
    }

    /// PRODUCT 1.2, layer 7: what can't be recorded isn't forwarded, unless the configuration says so.
    func witnessFailed(_ context: ProxyContext) {
        guard settings.refusesWithoutWitness else {
            proceed(context)
            return
        }
        hot.rejection(.witness)
        finish(context, local: 503, "Service Unavailable", fields: [("Retry-After", "5")])
    }
}
