import CoreTypes
import Testing

@testable import Perimeter

/// Random declarations and states of a small world.
struct World {
    var declared = Declaration()
    var state = Observation()

    static let networks = [
        "0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "203.0.113.7/32", "203.0.113.6/31", "10.0.0.0/8",
        "198.51.100.0/24",
    ]

    init(_ generator: inout Generator) throws {
        let networks = try Self.networks.map { try network($0) }
        let roleNames = generator.some(of: ["api", "db", "edge"], percent: 80)
        declared.provider = .init(aws: .init(vpc: "vpc-1"))
        declared.admin = [networks[4]] + generator.some(of: [networks[7]], percent: 30)
        declared.neverCutOff = generator.some(of: [networks[4], try network("198.51.100.9/32")], percent: 60)
        declared.privatePorts = [PortRange(8021)]
        for name in roleNames {
            var role = Role(name: name, group: generator.chance(20) ? "shared" + name : name)
            if name == "db" { role.members.rds = ["m-db"] } else { role.members.tag = ["Role": name] }
            for _ in 0..<generator.number(0...3) {
                role.allow.append(
                    Role.Allowance(
                        ports: generator.pick([[PortRange(22)], [PortRange(80), PortRange(81)], [PortRange(20...90)]]),
                        protocols: generator.some(of: [.tcp, .udp], percent: 70) + [.tcp],
                        from: generator.some(of: [.network(networks[6]), .role(roleNames[0])], percent: 60),
                        why: generator.pick(["", "a", "b"])))
            }
            if generator.chance(85) {
                role.allow.append(Role.Allowance(ports: [PortRange(22)], protocols: [.tcp], from: [.admin], why: "SSH"))
            }
            declared.rolesByName[name] = role
        }
        for id in generator.some(of: FindingID.allCases, percent: generator.pick([0, 0, 20])) {
            let day = CalendarDate(generator.pick(["2026-01-31", "2027-01-31"]))
            let group = generator.chance(50) ? generator.pick(["api", "db", "legacy"]) : nil
            declared.exceptions.append(.init(finding: id, group: group, reason: "r", until: day))
        }
        let names = ["api", "db", "edge", "sharedapi", "legacy"]
        for name in generator.some(of: names, percent: 60) {
            state.groups.append(
                ObservedGroup(id: "sg-\(name)", name: name, isDefault: name == "legacy" && generator.chance(30)))
        }
        for index in state.groups.indices {
            var rules: Set<Rule> = []
            for _ in 0..<generator.number(0...5) {
                let source: Source =
                    switch generator.number(0...9) {
                    case 0: .group("sg-\(generator.pick(names))")
                    case 1: .prefixList("pl-\(generator.number(1...2))")
                    default: .network(generator.pick(networks))
                    }
                rules.insert(
                    Rule(
                        protocol: generator.pick([.tcp, .tcp, .tcp, .udp, .icmp, .all]),
                        ports: generator.pick([
                            PortRange(22), PortRange(80), PortRange(20...90), PortRange(0...21), .all,
                        ]),
                        source: source))
            }
            state.groups[index].ingress = rules.sorted().enumerated().map {
                ObservedRule(
                    rule: $0.element, id: "sgr-\(index)-\($0.offset)", description: generator.pick(["", "a", "SSH"]))
            }
        }
        state.prefixLists["pl-1"] = generator.some(of: networks, percent: 30)
        for (number, kind) in [Member.Kind.instance, .instance, .rds, .interface].enumerated() {
            let groups = generator.some(of: state.groups.map(\.id), percent: 40)
            let id = kind == .rds ? "m-db" : "m-\(number)"
            let tags = kind == .instance ? ["Role": generator.pick(["api", "edge", "other"])] : [:]
            state.members.append(Member(kind: kind, id: id, tags: tags, groups: groups))
            for index in state.groups.indices where groups.contains(state.groups[index].id) {
                state.groups[index].usedBy.append(id)
            }
        }
    }

    /// Whether an address gets in to a port of a member, by the definition of rules.
    static func admits(
        _ state: Observation, _ member: Member, _ transport: TransportProtocol, _ address: IPAddress
    ) -> Bool {
        state.groups.filter { member.groups.contains($0.id) || member.groups.contains($0.name) }.contains { group in
            group.ingress.map(\.rule).contains { rule in
                let from =
                    switch rule.source {
                    case .network(let network): network.contains(address)
                    case .group: false
                    case .prefixList(let id): state.prefixLists[id]?.contains { $0.contains(address) } ?? false
                    }
                return from && (rule.protocol == transport || rule.protocol == .all)
                    && rule.ports.closedRange.contains(22)
            }
        }
    }
}

@Suite(.serialized) struct PlanPropertyTests {
    @Test("carrying out a plan leaves nothing to plan, and nothing that a plan can mend", arguments: 0..<60)
    func leavesNothing(seed: Int) throws {
        var generator = Generator(UInt64(5000 + seed))
        for _ in 0..<5 {
            let world = try World(&generator)
            let plan = Plan.make(world.declared, world.state, today: Examples.today)
            let after = world.state.applying(plan.changes)
            #expect(Plan.make(world.declared, after, today: Examples.today).changes == [], "\(plan.text)")
            // What has no role, no plan touches.
            let findings = Audit.findings(world.declared, after, today: Examples.today).filter { $0.role != nil }
            // Groups of nobody's, and default groups elsewhere, are left to people.
            let left = Set(findings.map(\.id)).subtracting([.ruleUnused, .defaultGroupUsed, .referenceMissing])
            #expect(left.isEmpty, "\(findings) after \(plan.text)")
            if Plan.make(world.declared, world.state, today: Examples.today).isEmpty { #expect(after == world.state) }
        }
    }

    @Test("no step of a plan that is not refused shuts out whom it must not; a refused one would", arguments: 0..<60)
    func noStepShutsOut(seed: Int) throws {
        var generator = Generator(UInt64(6000 + seed))
        for _ in 0..<5 {
            let world = try World(&generator)
            let plan = Plan.make(world.declared, world.state, today: Examples.today)
            let guarded = world.declared.neverCutOff.map(\.address)
            // Where a role takes its admins by UDP, that is a way in as well.
            let hasUDP = world.declared.roles.flatMap(world.declared.rules(of:)).contains {
                $0.protocol == .udp && $0.ports.closedRange.contains(22)
            }
            let transports: [TransportProtocol] = hasUDP ? [.tcp, .udp] : [.tcp]
            var isCutOff = false
            var state = world.state
            for change in plan.changes {
                state = state.applying(change)
                for member in state.members where member.kind != .rds {
                    let before = try #require(world.state.members.first { $0.id == member.id })
                    for address in guarded {
                        for transport in transports where World.admits(world.state, before, transport, address) {
                            if !World.admits(state, member, transport, address) { isCutOff = true }
                        }
                    }
                }
            }
            #expect(isCutOff == plan.refusals.contains { $0.kind == .cutsOff }, "\(plan.text)")
            #expect(plan.refusals(world.declared, world.state) == plan.refusals)
        }
    }

    @Test("a rollback brings back what was, from any step", arguments: 0..<40)
    func rollbackBringsBack(seed: Int) throws {
        var generator = Generator(UInt64(7000 + seed))
        for _ in 0..<5 {
            let world = try World(&generator)
            let plan = Plan.make(world.declared, world.state, today: Examples.today)
            let done = Array(plan.changes.prefix(generator.number(0...plan.changes.count)))
            let now = world.state.applying(done)
            let back = Plan.rollback(of: done, world.declared, now)
            #expect(PlanTests.essence(now.applying(back.changes)) == PlanTests.essence(world.state), "\(plan.text)")
            #expect(back.stateDigest == now.digest)
        }
    }
}
