internal import Perimeter

/// Changes of which groups a member carries.
extension AWSPerimeter {
    /// Gives groups to a member and takes others away, in one step for each of its interfaces, so that it is never without.
    /// - Parameters:
    ///   - adding: ids.
    ///   - removing: ids; one that is not carried counts as removed.
    func regroup(_ member: MemberReference, adding: [String], removing: Set<String>) async throws(AWSError) {
        let change = Regrouping(added: adding, removed: removing.subtracting(adding))
        let id = member.id
        switch member.kind {
        case .instance: try await regroupInstance(id, change)
        case .interface: try await regroupInterface(id, change)
        case .rds: try await regroupDatabase(id, change)
        case .elasticache: try await regroupCache(id, change)
        case .host:
            throw AWSError(
                code: AWSError.Code.badSettings, "\(id) is a host, which carries no groups of AWS", place: "ec2")
        }
    }

    private struct Regrouping {
        let added: [String]
        let removed: Set<String>

        func applied(to groups: [String]) -> [String] {
            groups.filter { !removed.contains($0) } + added.filter { !groups.contains($0) }
        }

        /// - Throws: where nothing would be left; AWS wants one group at least.
        func checked(_ groups: [String], _ place: String, _ id: String) throws(AWSError) -> [String] {
            let wanted = applied(to: groups)
            guard wanted.isEmpty else { return wanted }
            throw AWSError(
                code: AWSError.Code.badSettings, "\(id) would be left without a group", place: place,
                advice: "give it another one first")
        }
    }

    private func regroupInstance(_ id: String, _ change: Regrouping) async throws(AWSError) {
        let place = "ec2 ModifyInstanceAttribute"
        let interfaces = try await ec2.networkInterfaces([("attachment.instance-id", [id])])
        guard !interfaces.isEmpty else {
            throw AWSError(
                code: AWSError.Code.missing, "instance \(id) is gone, or has no interface", place: place,
                advice: "make a new plan")
        }
        // Where an instance has several interfaces, those that carry what is removed are meant, or else all of them.
        let carrying = interfaces.filter { !change.removed.isDisjoint(with: $0.groups) }
        let meant = carrying.isEmpty ? interfaces : carrying
        if meant.count == 1, interfaces.count == 1 {
            let wanted = try change.checked(meant[0].groups, place, id)
            if Set(wanted) != Set(meant[0].groups) { try await ec2.setGroups(wanted, ofInstance: id) }
        }
        for interface in meant { try await regroupInterface(interface.networkInterfaceId, change) }
    }

    private func regroupInterface(_ id: String, _ change: Regrouping) async throws(AWSError) {
        let place = "ec2 ModifyNetworkInterfaceAttribute"
        func groups() async throws(AWSError) -> [String] {
            guard let interface = try await ec2.networkInterfaces([("network-interface-id", [id])]).first else {
                throw AWSError(
                    code: AWSError.Code.missing, "interface \(id) is gone", place: place, advice: "make a new plan")
            }
            return interface.groups
        }
        let before = try await groups()
        let wanted = try change.checked(before, place, id)
        guard Set(wanted) != Set(before) else { return }
        try await ec2.setGroups(wanted, ofInterface: id)
        try await settled(place, "\(id) carries \(wanted.joined(separator: ", "))") { () throws(AWSError) in
            Set(try await groups()) == Set(wanted) ? () : nil
        }
    }

    private func regroupDatabase(_ id: String, _ change: Regrouping) async throws(AWSError) {
        let place = "rds ModifyDBInstance"
        func database() async throws(AWSError) -> RDS.Database {
            guard let database = try await rds.databases(id).first else {
                throw AWSError(
                    code: AWSError.Code.missing, "database \(id) is gone", place: place, advice: "make a new plan")
            }
            return database
        }
        let before = try await database()
        let wanted = try change.checked(before.groups, place, id)
        guard Set(wanted) != Set(before.groups) else { return }
        if let cluster = before.cluster, !cluster.isEmpty {
            try await rds.setGroups(wanted, ofCluster: cluster)
        } else {
            try await rds.setGroups(wanted, ofDatabase: id)
        }
        try await settled(place, "\(id) carries \(wanted.joined(separator: ", "))") { () throws(AWSError) in
            Set(try await database().groups) == Set(wanted) ? () : nil
        }
    }

    private func regroupCache(_ id: String, _ change: Regrouping) async throws(AWSError) {
        let place = "elasticache ModifyCacheCluster"
        func clusters() async throws(AWSError) -> [ElastiCache.Cluster] {
            let all = try await elastiCache.clusters()
            let named = all.filter { $0.identifier == id }
            let meant = named.isEmpty ? all.filter { $0.replicationGroup == id } : named
            guard !meant.isEmpty else {
                throw AWSError(
                    code: AWSError.Code.missing, "cache \(id) is gone", place: place, advice: "make a new plan")
            }
            return meant
        }
        func groups() async throws(AWSError) -> Set<String> { Set(try await clusters().flatMap { $0.groups ?? [] }) }
        let before = try await groups()
        let wanted = try change.checked(before.sorted(), place, id)
        guard Set(wanted) != before else { return }
        if let replicationGroup = try await clusters().compactMap(\.replicationGroup).first {
            try await elastiCache.setGroups(wanted, ofReplicationGroup: replicationGroup)
        } else {
            try await elastiCache.setGroups(wanted, ofCluster: id)
        }
        try await settled(place, "\(id) carries \(wanted.joined(separator: ", "))") { () throws(AWSError) in
            try await groups() == Set(wanted) ? () : nil
        }
    }
}
