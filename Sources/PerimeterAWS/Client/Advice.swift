extension AWSError {
    /// What an operator can do about what AWS says, where its words don't tell.
    static func advice(for code: String) -> String? {
        switch code {
        case "UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthorizationError":
            "give these credentials the right to this operation"
        case "OptInRequired", "InvalidRegion": "check the region, and that the account may use it"
        case "RulesPerSecurityGroupLimitExceeded":
            "join rules, use a prefix list, or have the quota raised (60 a group unless it was)"
        case "SecurityGroupsPerInterfaceLimitExceeded":
            "take a group away first, or have the quota raised (5 an interface unless it was)"
        case "SecurityGroupLimitExceeded": "remove groups that nobody uses, or have the quota raised"
        case "DependencyViolation": "something still carries the group or refers to it"
        case "InvalidDBInstanceState", "InvalidCacheClusterState", "InvalidReplicationGroupState":
            "it is being changed: try again when it is available"
        case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
            "the bucket is in another region"
        case "OperationAborted": "somebody else is changing the bucket: try again"
        default: nil
        }
    }
}
