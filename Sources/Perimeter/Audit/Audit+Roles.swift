/// A rule, and the group that it is in.
private struct Place {
    var group: ObservedGroup
    var observed: ObservedRule
    /// With its source group by name.
    var rule: Rule
    /// What may come in where it holds.
    var allowed: Reach

    func isSame(as other: Place) -> Bool { rule == other.rule && group.id == other.group.id }
}

extension Audit {
    mutating func judgeRoles() {
        for role in survey.roles {
            judgeGroup(of: role)
            judgeMissing(role)
            for places in bearers(of: role) {
                judgeAdmin(role, places)
                for place in places { judgeOpening(role, place) }
            }
        }
    }

    /// The rules that let things in to a role together: those of each member's groups, and of its own group alone.
    private func bearers(of role: Role) -> [[Place]] {
        var bearers = survey.members(of: role).map { member in
            // Who has two roles may be reached as either.
            let allowed = survey.roles(of: member).reduce(Reach()) { $0.union(survey.allowed($1)) }
            return observed.groups(of: member).flatMap { places(in: $0, allowed) }
        }
        if let own = survey.group(of: role) { bearers.append(places(in: own, survey.allowed(role))) }
        return bearers
    }

    private func places(in group: ObservedGroup, _ allowed: Reach) -> [Place] {
        group.ingress.filter { !survey.isDangling($0.rule) }.map {
            Place(group: group, observed: $0, rule: observed.named($0.rule), allowed: allowed)
        }
    }

    // MARK: What is missing

    private mutating func judgeGroup(of role: Role) {
        guard let group = survey.group(of: role) else {
            return report(
                Finding(
                    id: .referenceMissing, severity: .high, role: role.name, group: role.group,
                    evidence: "there is no group \(role.group), the group of role \(role.name)",
                    mend: role.group.hasPrefix("sg-")
                        ? "name a group that exists; one with a given id can't be made"
                        : "'sallyport perimeter apply' makes it"))
        }
        for member in survey.members(of: role) where !observed.groups(of: member).contains(where: { $0.id == group.id })
        {
            report(
                Finding(
                    id: .ruleMissing, severity: .medium, role: role.name, group: group.label,
                    evidence:
                        "\(member.label) has role \(role.name) and does not carry \(group.label): none of its rules "
                        + "hold there", mend: "'sallyport perimeter apply' attaches it"))
        }
        for rule in survey.wanted(role) {
            switch rule.source {
            case .group(let name) where observed.group(name) == nil && !survey.roles.contains { $0.group == name }:
                report(missingReference(role, group, rule, "there is no group \(name)"))
            case .prefixList(let id) where observed.prefixLists[id] == nil:
                report(missingReference(role, group, rule, "there is no prefix list \(id)"))
            case .group, .prefixList, .network: break
            }
        }
    }

    private func missingReference(_ role: Role, _ group: ObservedGroup, _ rule: Rule, _ what: String) -> Finding {
        Finding(
            id: .referenceMissing, severity: .high, role: role.name, group: group.label, rule: rule,
            evidence: "\(what), which the file lets reach role \(role.name)", mend: "name another in the file")
    }

    private mutating func judgeMissing(_ role: Role) {
        guard let group = survey.group(of: role) else { return }
        let reach = observed.reach(of: group)
        for rule in survey.wanted(role) where !reach.isSuperset(of: Reach(rule)) {
            let why = declared.why(rule, of: role)
            report(
                Finding(
                    id: .ruleMissing, severity: .medium, role: role.name, group: group.label, rule: rule,
                    evidence: "\(group.label) does not let in all of \(rule)" + (why.isEmpty ? "" : " (\(why))"),
                    mend: "'sallyport perimeter apply' adds it"))
        }
    }

    // MARK: What is open

    private var admin: [TransportProtocol: PortSet] { survey.waysIn }
    private var secret: [TransportProtocol: PortSet] { survey.privatePorts }

    /// Admin ports are judged for all groups of a member together: the world can be let in by halves.
    private mutating func judgeAdmin(_ role: Role, _ places: [Place]) {
        func addresses(_ places: [Place]) -> AddressSet {
            observed.addresses(of: Reach(places.map(\.rule)).limited(admin).sources)
        }
        let open = places.filter { !Reach($0.rule).limited(admin).subtracting($0.allowed).isEmpty }
        let worlds = open.filter { addresses([$0]).isWorld }
        for place in worlds {
            report(finding(.adminOpenToWorld, .critical, role, place, "lets everybody in to \(adminText(place))"))
        }
        // With the declared ones: the world could have been cut into pieces that leave just those out.
        let others = places.filter { place in !worlds.contains { $0.isSame(as: place) } }
        let pieces = open.filter { place in !worlds.contains { $0.isSame(as: place) } }
        if let first = pieces.first, addresses(others).isWorld {
            let all = pieces.map { "\($0.rule)" }.joined(separator: ", ")
            report(
                finding(
                    .adminOpenToWorld, .critical, role, first,
                    "lets everybody in to \(adminText(first)), in pieces: \(all)"))
        } else {
            for place in pieces {
                let outside = addresses([place]).reachesOutside
                report(
                    finding(
                        .adminWiderThanDeclared, outside ? .high : .medium, role, place,
                        "opens \(adminText(place)) wider than declared"))
            }
        }
    }

    private func adminText(_ place: Place) -> String {
        let reach = Reach(place.rule).limited(admin)
        let ports = reach.ports(.tcp).union(reach.ports(.udp)).ranges.map(\.description)
        return "admin port " + ports.joined(separator: ", ")
    }

    private mutating func judgeOpening(_ role: Role, _ place: Place) {
        let allowed = place.allowed
        var excess = Reach(place.rule).without(admin).subtracting(allowed)
        let exposed = excess.limited(secret)
        if !exposed.isEmpty {
            let outside = reachesOutside(exposed)
            report(
                finding(
                    .privatePortExposed, outside ? .critical : .high, role, place,
                    "opens private port \(ports(exposed)) to others than declared"))
            excess = excess.subtracting(exposed)
        }
        if allowed.limited(sip).isEmpty {
            let signalling = excess.limited(sip)
            if !signalling.isEmpty {
                report(
                    finding(
                        .sipOnOtherRole, reachesOutside(signalling) ? .high : .medium, role, place,
                        "opens ports of SIP or its media (\(ports(signalling))), of which role \(role.name) declares none"
                    ))
                excess = excess.subtracting(signalling)
            }
        }
        guard !excess.isEmpty else { return }
        let isDeclared = excess.opensOnlyPorts(of: allowed)
        let what = isDeclared ? "is wider than declared" : "opens what role \(role.name) does not declare"
        report(finding(.portUndeclared, reachesOutside(excess) ? .high : .medium, role, place, what))
    }

    private func reachesOutside(_ reach: Reach) -> Bool { observed.addresses(of: reach.sources).reachesOutside }

    private func ports(_ reach: Reach) -> String {
        [TransportProtocol.tcp, .udp].flatMap { transport in
            reach.ports(transport).ranges.map { "\(transport) \($0)" }
        }.joined(separator: ", ")
    }

    /// 5060 and 5061, and as media what FreeSWITCH takes and what roles with SIP declare in long stretches of UDP.
    private var sip: [TransportProtocol: PortSet] {
        let signalling = PortSet([5060...5061])
        let media = survey.roles.filter { declaresSignalling($0) }.reduce(PortSet([16_384...32_768])) { media, role in
            media.union(PortSet(survey.allowed(role).ports(.udp).intervals.filter { $0.count >= 100 }))
        }
        return [.tcp: signalling, .udp: signalling.union(media)]
    }

    private func declaresSignalling(_ role: Role) -> Bool {
        let signalling = PortSet([5060...5061])
        let allowed = survey.allowed(role)
        return allowed.ports(.tcp).overlaps(signalling) || allowed.ports(.udp).overlaps(signalling)
    }

    private func finding(
        _ id: FindingID, _ severity: Severity, _ role: Role, _ place: Place, _ what: String
    ) -> Finding {
        let ports = place.rule.protocol.hasPorts ? PortSet(place.rule.ports.closedRange) : .everything
        let wanted = place.allowed.sources(place.rule.protocol, ports: ports).sources
        let declaredText = wanted.isEmpty ? "nobody" : wanted.map(\.description).joined(separator: ", ")
        let ruleID = place.observed.id.isEmpty ? "" : " (\(place.observed.id))"
        let users = survey.members(of: role).filter { member in
            observed.groups(of: member).contains { $0.id == place.group.id }
        }
        let on = users.isEmpty ? "" : "; on " + users.map(\.label).joined(separator: ", ")
        let isOwn = survey.group(of: role)?.id == place.group.id
        return Finding(
            id: id, severity: severity, role: role.name, group: place.group.label, rule: place.rule,
            evidence: "\(place.rule)\(ruleID) \(what); declared for these ports: \(declaredText)\(on)",
            mend: isOwn
                ? "'sallyport perimeter apply' revokes it; declare it in the file if it is meant"
                : "'sallyport perimeter apply' takes \(place.group.label) off the members of role \(role.name)")
    }
}

extension Member {
    /// `i-0abc (api-1)`
    var label: String { name.isEmpty || name == id ? id : "\(id) (\(name))" }
}
