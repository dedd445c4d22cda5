internal import SettingsFile

extension Declaration {
    /// What concerns several keys: names that point at other parts of the file, and openings that contradict it.
    func check(_ report: Report) {
        checkGroups(report)
        checkProvider(report)
        for role in roles {
            for (index, allowance) in role.allow.enumerated() {
                let place = "roles.\(role.name).allow[\(index)]"
                checkOrigins(allowance, place, report)
                checkOpening(allowance, place, report)
            }
        }
        if AddressSet(admin).isWorld {
            report.complain(
                "admin", at: nil, "is the whole Internet",
                mend: "name the operators' own addresses, such as 203.0.113.7/32")
        }
        checkUnique(report, "buckets", buckets.map(\.name))
        checkUnique(report, "alarms", alarms.map(\.name))
        for (index, exception) in exceptions.enumerated() {
            guard let role = exception.role, rolesByName[role] == nil else { continue }
            complainOfRole(role, "exceptions[\(index)].role", report)
        }
    }

    private func checkGroups(_ report: Report) {
        var owners: [String: String] = [:]
        for role in roles where !role.group.isEmpty {
            if let owner = owners[role.group] {
                report.complain(
                    "roles.\(role.name).group", at: nil, "'\(role.group)' is the group of role '\(owner)', too",
                    mend: "give each role a group of its own: what is opened for one is open for both otherwise")
            } else {
                owners[role.group] = role.name
            }
        }
        for role in roles {
            for (index, allowance) in role.allow.enumerated() {
                for (number, origin) in allowance.from.enumerated() {
                    guard case .group(let name) = origin, let owner = owners[name] else { continue }
                    report.complain(
                        "roles.\(role.name).allow[\(index)].from[\(number)]", at: nil,
                        "'\(name)' is the group of role '\(owner)'", mend: "write role:\(owner)")
                }
            }
        }
    }

    private func checkProvider(_ report: Report) {
        if report.positions["provider"] == nil {
            report.complain(
                "provider", at: nil, "is missing", mend: "add it: {aws: {vpc: vpc-0abc}} or {nftables: {role: NAME}}")
        }
        guard let host = provider.nftables, !host.role.isEmpty else { return }
        guard let role = rolesByName[host.role] else {
            return complainOfRole(host.role, "provider.nftables.role", report)
        }
        for (index, allowance) in role.allow.enumerated() {
            for (number, origin) in allowance.from.enumerated() {
                let place = "roles.\(role.name).allow[\(index)].from[\(number)]"
                switch origin {
                case .role(let name) where rolesByName[name]?.members.addresses.isEmpty == true:
                    report.complain(
                        place, at: nil, "nobody knows the addresses of role '\(name)', and nftables knows nothing else",
                        mend: "add 'members: {addresses: [10.0.1.10]}' to it")
                case .group, .prefixList:
                    report.complain(
                        place, at: nil, "nftables knows addresses only", mend: "name the networks instead")
                case .role, .admin, .anywhere, .network: break
                }
            }
        }
    }

    private func checkOrigins(_ allowance: Role.Allowance, _ place: String, _ report: Report) {
        for (number, origin) in allowance.from.enumerated() {
            switch origin {
            case .role(let name) where rolesByName[name] == nil:
                complainOfRole(name, "\(place).from[\(number)]", report)
            case .admin where admin.isEmpty:
                report.complain(
                    "\(place).from[\(number)]", at: nil, "no admin address is declared",
                    mend: "add a line such as 'admin: [203.0.113.7/32]' to the file")
            case .role, .admin, .anywhere, .network, .group, .prefixList: break
            }
        }
    }

    /// Ports that are private, or for admins, open to everybody.
    private func checkOpening(_ allowance: Role.Allowance, _ place: String, _ report: Report) {
        let reach = Reach(rules(of: allowance))
        for (key, ports, mend) in [
            ("private_ports", privatePorts, "name roles instead, or take the port out of private_ports"),
            ("admin_ports", adminPorts, "write 'from: admin', or take the port out of admin_ports"),
        ] {
            let watched = PortSet(ranges: ports)
            let open = [TransportProtocol.tcp, .udp].reduce(PortSet()) { open, transport in
                let ports = reach.ports(transport).intersection(watched).intervals.filter {
                    reach.sources(transport, ports: PortSet($0)).addresses.isWorld
                }
                return open.union(PortSet(ports))
            }
            guard let first = open.ranges.first else { continue }
            report.complain(
                "\(place).from", at: nil, "opens \(first) to everybody, and \(first) is one of \(key)", mend: mend)
        }
    }

    private func complainOfRole(_ name: String, _ place: String, _ report: Report) {
        let known = rolesByName.keys.sorted()
        report.complain(
            place, at: nil, "there is no role '\(name.prefix(80))'",
            mend: known.isEmpty ? "add it under 'roles'" : Suggestion.mend(name, among: known))
    }

    private func checkUnique(_ report: Report, _ list: String, _ names: [String]) {
        var first: [String: Int] = [:]
        for (index, name) in names.enumerated() where !name.isEmpty {
            if let earlier = first[name] {
                report.complain(
                    "\(list)[\(index)].name", at: nil, "'\(name)' stands here twice",
                    mend: "\(list)[\(earlier)] has it already; change or remove one")
            } else {
                first[name] = index
            }
        }
    }
}
