internal import CoreTypes
public import Perimeter

extension AWSPerimeter {
    /// Carries out one change of a plan, and looks whether it has come about. What is done already counts as done, so that a
    /// plan which was interrupted can be carried out from its start.
    /// - Throws: when it can't be done, or can't be seen to be done. Then it may still come about; nothing else was touched.
    public func carryOut(_ change: Change) async throws(AWSError) {
        switch change {
        case .createGroup(let group, let description, let network):
            guard network == nil || network == vpc else {
                throw AWSError(
                    code: AWSError.Code.badSettings,
                    "group '\(group.name)' is planned for \(network ?? ""), not \(vpc)",
                    place: "ec2 CreateSecurityGroup", advice: "make a new plan")
            }
            _ = try await createGroup(
                name: group.name, description: description, tags: ["Name": group.name, "managed-by": "sallyport"])
        case .deleteGroup(let group, _, _): try await deleteGroup(group)
        case .authorize(let group, let rule, let description):
            try await authorize(rule, description, in: try await groupID(group))
        case .revoke(let group, let rule, let id, _): try await revoke(rule, id: id, from: group)
        case .describe(let group, let rule, _, _, let description):
            try await describe(rule, description, in: try await groupID(group))
        case .attach(let member, let group):
            try await regroup(member, adding: [try await groupID(group)], removing: [])
        case .detach(let member, let group):
            // A group that is gone is carried by nobody.
            guard let there = try await self.group(group) else { return }
            try await regroup(member, adding: [], removing: [there.groupId])
        case .setAlarm(let name, _, let alarm): try await setAlarm(name, alarm)
        case .blockPublicAccess(let bucket, _, let block): try await blockPublicAccess(bucket, block)
        case .encrypt(let bucket, _, let algorithm): try await encrypt(bucket, algorithm)
        case .setVersioning(let bucket, _, let versioning): try await setVersioning(bucket, versioning)
        case .setLifecycle(let bucket, _, let rules): try await setLifecycle(bucket, rules)
        }
    }
}
