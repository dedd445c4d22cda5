/// A tag of a resource.
struct Tag: Decodable, Hashable, Sendable {
    let key: String
    let value: String?
}

extension Sequence<Tag> {
    func value(of key: String) -> String? { first { $0.key == key }.map { $0.value ?? "" } }
}

struct SecurityGroup: Decodable, Sendable {
    let groupId: String
    let groupName: String
    /// The number of the account.
    let ownerId: String?
    let groupDescription: String?
    let vpcId: String?
    let tagSet: Items<Tag>?

    var tags: [Tag] { tagSet?.all ?? [] }
}

struct SecurityGroupsAnswer: Decodable {
    let groups: Items<SecurityGroup>?
    let nextToken: String?

    enum CodingKeys: String, CodingKey {
        case groups = "securityGroupInfo"
        case nextToken
    }
}

/// One rule as EC2 keeps it: one protocol, one range of ports, one source.
struct SecurityGroupRule: Decodable, Hashable, Sendable {
    struct Reference: Decodable, Hashable, Sendable {
        let groupId: String?
        let userId: String?
    }

    let securityGroupRuleId: String
    let groupId: String
    let isEgress: Bool?
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    let ipProtocol: String
    /// -1 or nothing: all; of ICMP the type and the code.
    let fromPort: Int?
    let toPort: Int?
    let cidrIpv4: String?
    let cidrIpv6: String?
    let prefixListId: String?
    let referencedGroupInfo: Reference?
    let description: String?
}

struct SecurityGroupRulesAnswer: Decodable {
    let rules: Items<SecurityGroupRule>?
    let nextToken: String?

    enum CodingKeys: String, CodingKey {
        case rules = "securityGroupRuleSet"
        case nextToken
    }
}

struct CreatedGroup: Decodable {
    let groupId: String
}

struct GroupIdentifier: Decodable, Hashable, Sendable {
    let groupId: String
}

struct Instance: Decodable, Sendable {
    struct State: Decodable, Sendable { let name: String? }
    struct Interface: Decodable, Sendable {
        let networkInterfaceId: String
        let groupSet: Items<GroupIdentifier>?
    }

    let instanceId: String
    let instanceState: State?
    let vpcId: String?
    let privateIpAddress: String?
    let ipAddress: String?
    let groupSet: Items<GroupIdentifier>?
    let networkInterfaceSet: Items<Interface>?
    let tagSet: Items<Tag>?

    var tags: [Tag] { tagSet?.all ?? [] }
}

struct InstancesAnswer: Decodable {
    struct Reservation: Decodable, Sendable {
        let instances: Items<Instance>?
        enum CodingKeys: String, CodingKey { case instances = "instancesSet" }
    }

    let reservations: Items<Reservation>?
    let nextToken: String?

    enum CodingKeys: String, CodingKey {
        case reservations = "reservationSet"
        case nextToken
    }
}

struct NetworkInterface: Decodable, Sendable {
    struct Attachment: Decodable, Sendable { let instanceId: String? }
    struct Association: Decodable, Sendable { let publicIp: String? }
    struct PrivateAddress: Decodable, Sendable {
        let privateIpAddress: String?
        let association: Association?
    }
    struct IPv6Address: Decodable, Sendable { let ipv6Address: String? }

    let networkInterfaceId: String
    let description: String?
    let vpcId: String?
    /// The service of AWS that made it, such as `amazon-rds`, or the account that did.
    let requesterId: String?
    let privateIpAddress: String?
    let groupSet: Items<GroupIdentifier>?
    let attachment: Attachment?
    let association: Association?
    let privateIpAddressesSet: Items<PrivateAddress>?
    let ipv6AddressesSet: Items<IPv6Address>?
    let tagSet: Items<Tag>?

    var tags: [Tag] { tagSet?.all ?? [] }

    var groups: [String] { (groupSet?.all ?? []).map(\.groupId) }
}

struct NetworkInterfacesAnswer: Decodable {
    let interfaces: Items<NetworkInterface>?
    let nextToken: String?

    enum CodingKeys: String, CodingKey {
        case interfaces = "networkInterfaceSet"
        case nextToken
    }
}

struct PrefixListEntriesAnswer: Decodable {
    struct Entry: Decodable, Sendable { let cidr: String }

    let entries: Items<Entry>?
    let nextToken: String?

    enum CodingKeys: String, CodingKey {
        case entries = "entrySet"
        case nextToken
    }
}

struct VPC: Decodable, Sendable {
    let vpcId: String
}

struct VPCsAnswer: Decodable {
    let vpcs: Items<VPC>?
    let nextToken: String?

    enum CodingKeys: String, CodingKey {
        case vpcs = "vpcSet"
        case nextToken
    }
}
