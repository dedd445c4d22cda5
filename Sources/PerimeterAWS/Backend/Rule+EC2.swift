internal import CoreTypes
internal import Perimeter

extension Rule {
    /// A rule as EC2 has it.
    /// - Parameter account: ours; groups of others get their owner's number before their id.
    /// - Throws: for what the model can't say: it must not look as if it weren't there.
    init(_ rule: SecurityGroupRule, account: String?) throws(AWSError) {
        guard let transport = TransportProtocol(rule.ipProtocol) else {
            throw Self.strange(rule, "protocol \(rule.ipProtocol)")
        }
        let ports: PortRange?
        switch transport {
        case .tcp, .udp: ports = PortRange(from: rule.fromPort ?? 0, to: rule.toPort ?? Int(UInt16.max))
        case .icmp, .icmpv6: ports = PortRange(icmpType: rule.fromPort ?? -1, code: rule.toPort ?? -1)
        case .other, .all: ports = .all
        }
        guard let ports else {
            throw Self.strange(rule, "ports \(rule.fromPort ?? -1) to \(rule.toPort ?? -1) of \(transport)")
        }
        self.init(protocol: transport, ports: ports, source: try Self.source(rule, account: account))
    }

    private static func source(_ rule: SecurityGroupRule, account: String?) throws(AWSError) -> Source {
        if let text = rule.cidrIpv4 ?? rule.cidrIpv6 {
            guard let network = IPNetwork(ec2: text) else { throw strange(rule, "source \(text)") }
            return .network(network)
        }
        if let list = rule.prefixListId { return .prefixList(list) }
        if let reference = rule.referencedGroupInfo, let group = reference.groupId, !group.isEmpty {
            guard let owner = reference.userId, let account, owner != account else { return .group(group) }
            return .group("\(owner)/\(group)")
        }
        throw strange(rule, "no source")
    }

    private static func strange(_ rule: SecurityGroupRule, _ what: String) -> AWSError {
        AWSError(
            code: AWSError.Code.badAnswer,
            "rule \(rule.securityGroupRuleId) of \(rule.groupId) has \(what), which is not understood",
            place: "ec2 DescribeSecurityGroupRules", fault: .service, advice: "look at the rule in EC2's console")
    }

    /// The rule as EC2 is told it; a source group must be given by its id.
    func permission(_ description: String?) throws(AWSError) -> IngressPermission {
        var from: Int?
        var to: Int?
        if self.protocol.hasPorts {
            (from, to) = (Int(ports.from), Int(ports.to))
        } else if self.protocol.hasMessages {
            guard let message = ports.icmp else {
                throw AWSError(
                    code: AWSError.Code.badSettings, "\(self) has more than one type of message",
                    place: "ec2 AuthorizeSecurityGroupIngress", advice: "write a rule for each type")
            }
            (from, to) = (message.type, message.code)
        }
        let origin: IngressPermission.Source
        switch source {
        case .network(let network):
            origin = network.address.family == .v4 ? .ipv4(network.description) : .ipv6(network.description)
        case .prefixList(let id): origin = .prefixList(id)
        case .group(let reference):
            let parts = reference.split(separator: "/", maxSplits: 1)
            origin =
                parts.count == 2
                ? .group(String(parts[1]), owner: String(parts[0])) : .group(reference, owner: nil)
        }
        let words = description.map(IngressPermission.fitting) ?? ""
        return IngressPermission(
            ipProtocol: self.protocol == .all ? "-1" : self.protocol.description, fromPort: from, toPort: to,
            source: origin,
            description: words.isEmpty ? nil : words)
    }
}

extension IPNetwork {
    /// As EC2 writes it. Bits beyond the prefix, which EC2 itself clears, don't count.
    init?(ec2 text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = Int(parts[1]) else {
            return nil
        }
        // What is written as IPv6 has a length of IPv6, also where the address is one of IPv4 mapped into it.
        let isMapped = address.family == .v4 && parts[0].contains(":")
        self.init(address, prefixLength: isMapped ? length - 96 : length)
    }
}
