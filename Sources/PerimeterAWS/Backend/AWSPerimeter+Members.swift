internal import CoreTypes
internal import Perimeter

extension AWSPerimeter {
    /// What carries groups.
    struct Carriers {
        var members: [Member] = []
        /// By group, the ids of the members and interfaces that carry it.
        var users: [String: Set<String>] = [:]

        mutating func add(_ more: [Member]) {
            members += more
            for member in more { note(member.id, member.groups) }
        }

        mutating func note(_ user: String, _ groups: [String]) {
            for group in groups { users[group, default: []].insert(user) }
        }
    }

    /// Services whose interfaces are those of members of another kind.
    private static let ownKinds: Set = ["amazon-rds", "amazon-elasticache"]

    /// The instances of the network with the groups of all of their interfaces, and the interfaces that are no instance's.
    func instancesAndInterfaces() async throws(AWSError) -> Carriers {
        var carriers = Carriers()
        let interfaces = try await ec2.networkInterfaces([("vpc-id", [vpc])])
        let ofInstances = Dictionary(grouping: interfaces) { $0.attachment?.instanceId ?? "" }
        for instance in try await ec2.instances([("vpc-id", [vpc])]) where instance.isThere {
            let own = ofInstances[instance.instanceId] ?? []
            let groups = Set(own.flatMap(\.groups)).sorted()
            carriers.members.append(
                Member(
                    kind: .instance, id: instance.instanceId, name: instance.tags.value(of: "Name") ?? "",
                    tags: Dictionary(instance.tags.map { ($0.key, $0.value ?? "") }) { first, _ in first },
                    groups: groups,
                    addresses: Set(own.flatMap(\.addresses) + [instance.privateIpAddress, instance.ipAddress].networks)
                        .sorted { $0.description < $1.description }))
            carriers.note(instance.instanceId, groups)
        }
        for interface in ofInstances[""] ?? [] {
            carriers.note(interface.networkInterfaceId, interface.groups)
            if let requester = interface.requesterId, Self.ownKinds.contains(requester) { continue }
            carriers.members.append(
                Member(
                    kind: .interface, id: interface.networkInterfaceId, name: interface.description ?? "",
                    tags: Dictionary(interface.tags.map { ($0.key, $0.value ?? "") }) { first, _ in first },
                    groups: interface.groups, addresses: interface.addresses))
        }
        return carriers
    }

    /// Databases that a role names, and the others of the network.
    func databases(_ declaration: Declaration) async throws(AWSError) -> [Member] {
        let named = Set(declaration.roles.flatMap(\.members.rds))
        guard !named.isEmpty else { return [] }
        return try await rds.databases().filter { named.contains($0.identifier) || $0.subnetGroup?.vpc == vpc }
            .map { Member(kind: .rds, id: $0.identifier, name: $0.identifier, groups: $0.groups) }
    }

    /// Caches that a role names, and the others that can be told to be of the network; those of a replication group as one.
    /// - Parameter groups: those of the network.
    func caches(_ declaration: Declaration, groups: Set<String>) async throws(AWSError) -> [Member] {
        let named = Set(declaration.roles.flatMap(\.members.elasticache))
        guard !named.isEmpty else { return [] }
        var found: [String: Set<String>] = [:]
        for cluster in try await elastiCache.clusters() {
            let own = cluster.groups ?? []
            let isNamed = named.contains(cluster.identifier)
            let id = isNamed ? cluster.identifier : cluster.replicationGroup ?? cluster.identifier
            guard isNamed || named.contains(id) || !groups.isDisjoint(with: own) else { continue }
            found[id, default: []].formUnion(own)
        }
        return found.map { Member(kind: .elasticache, id: $0.key, name: $0.key, groups: $0.value.sorted()) }
    }
}

extension Instance {
    /// Not on its way out: what is terminated is listed for an hour, and has no groups any more.
    var isThere: Bool { !["terminated", "shutting-down"].contains(instanceState?.name ?? "") }
}

extension NetworkInterface {
    var addresses: [IPNetwork] {
        let all =
            [privateIpAddress, association?.publicIp]
            + (privateIpAddressesSet?.all ?? []).flatMap {
                [$0.privateIpAddress, $0.association?.publicIp]
            } + (ipv6AddressesSet?.all ?? []).map(\.ipv6Address)
        return Set(all.networks).sorted { $0.description < $1.description }
    }
}

extension Sequence<String?> {
    /// Each address that is one, as a network of its own.
    var networks: [IPNetwork] {
        compactMap { text in
            guard let text, let address = IPAddress(text) else { return nil }
            return IPNetwork(address, prefixLength: address.family.bitWidth)
        }
    }
}
